
// Requests of one user by your nGrinder script. It gets `request`, the study's HTTPRequest, and calls it in `step`.
class Traffic {
    static Class<?> type
    static Client client
    static List<Double> waits // mean ones between two requests

    final Load load
    final Object script
    int requests // of this user
    int inStep // of these in the current step
    List<org.apache.hc.core5.http.Header> headers = []
    List<org.apache.hc.client5.http.cookie.Cookie> cookies = []

    static void prepare(Map settings, String trial, int users) {
        GroovyClassLoader loader = new GroovyClassLoader(Load.classLoader)
        loader.parseClass((String) settings.script, (String) settings.script_name)
        type = loader.loadedClasses.find { it.methods.any { it.name == "step" && it.parameterCount == 1 } }
        if (type == null) {
            throw new IllegalArgumentException("no class with a method step(request)")
        }
        waits = [settings.think_time_s as double]
        client = new Client((String) settings.url, trial, (boolean) settings.keep_alive)
    }

    Traffic(Load load) {
        this.load = load
        Client.users.set(this)
        script = type.getDeclaredConstructor().newInstance()
    }

    void validate() {
        Client.users.set(this)
        script.step(client)
    }

    void transaction() {
        Client.users.set(this)
        def store = org.ngrinder.http.cookie.ThreadContextCookieStore.INSTANCE
        cookies.each { store.addCookie(it) } // nGrinder removed them at the begin of this run
        inStep = 0
        try {
            script.step(client)
            if (inStep == 0) {
                throw new IllegalStateException("step(request) sent no request")
            }
        } catch (Ended ended) {
            return
        } catch (Throwable failure) {
            if (inStep > 0) { // its last request becomes a failure, unless it is one already
                throw failure
            }
            try {
                load.exchange { throw failure } // counts, so that it is seen
            } finally {
                load.report()
                load.pause(1000)
            }
        } finally {
            cookies = new ArrayList<>(store.cookies)
        }
    }

    // Waits for the think time before each request except a user's first.
    void next() {
        if (requests > 0) {
            load.report()
            load.pause((long) ((0.5 + Load.drawn(load.user + "/" + requests)[2]) * Load.settings.think_time_s * 1000))
        }
        if (load.over) {
            throw new Ended()
        }
        requests++
        inStep++
    }
}

// The end of the load. No Exception, so that scripts do not catch it.
class Ended extends Error {
    Ended() {
        super("the load is over", null, false, false)
    }
}

// The HTTPRequest that scripts get. Every request has the trial's header and is recorded.
class Client extends org.ngrinder.http.HTTPRequest {
    static final ThreadLocal<Traffic> users = new ThreadLocal<>()
    private final org.ngrinder.http.HTTPRequest real = Connections.client()
    private final String url
    private final String trial
    private final boolean keepAlive

    Client(String url, String trial, boolean keepAlive) {
        this.url = url
        this.trial = trial
        this.keepAlive = keepAlive
    }

    private org.ngrinder.http.HTTPResponse sent(String uri, List headers, Closure<?> send) {
        Traffic user = users.get()
        user.next()
        List actual = (headers ?: user.headers).findAll { !it.name.equalsIgnoreCase("X-Study-Trial") }
        actual << new org.apache.hc.core5.http.message.BasicHeader("X-Study-Trial", trial)
        String target = uri.startsWith("/") ? url + uri : uri
        return (org.ngrinder.http.HTTPResponse) user.load.send {
            Connections.use(keepAlive) { send.call(target, actual) }
        }
    }

    @Override
    void setHeaders(List<org.apache.hc.core5.http.Header> headers) {
        users.get().headers = headers
    }

    @Override
    org.ngrinder.http.HTTPResponse HEAD(String uri, List<org.apache.hc.core5.http.NameValuePair> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.HEAD(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse GET(String uri, List<org.apache.hc.core5.http.NameValuePair> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.GET(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse DELETE(String uri, List<org.apache.hc.core5.http.NameValuePair> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.DELETE(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse POST(String uri, byte[] content, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.POST(to, content, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse POST(String uri, List<org.apache.hc.core5.http.NameValuePair> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.POST(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse POST(String uri, Map<?, ?> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.POST(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse POST(String uri, org.apache.hc.core5.http.nio.AsyncEntityProducer entity, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.POST(to, entity, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PUT(String uri, byte[] content, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PUT(to, content, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PUT(String uri, List<org.apache.hc.core5.http.NameValuePair> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PUT(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PUT(String uri, Map<?, ?> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PUT(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PUT(String uri, org.apache.hc.core5.http.nio.AsyncEntityProducer entity, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PUT(to, entity, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PATCH(String uri, byte[] content, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PATCH(to, content, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PATCH(String uri, List<org.apache.hc.core5.http.NameValuePair> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PATCH(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PATCH(String uri, Map<?, ?> params, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PATCH(to, params, with) }
    }

    @Override
    org.ngrinder.http.HTTPResponse PATCH(String uri, org.apache.hc.core5.http.nio.AsyncEntityProducer entity, List<org.apache.hc.core5.http.Header> headers) {
        return sent(uri, headers) { to, with -> real.PATCH(to, entity, with) }
    }
}
