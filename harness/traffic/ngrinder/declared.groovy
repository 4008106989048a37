
// Requests of one user: the mix or the steps of the grid, as translation.py has prepared them.
class Traffic {
    static final double UNSENT_WAIT_S = 1 // as in roles/locust/files/image/pacing.py
    static final Map<String, byte[]> FILES = new java.util.concurrent.ConcurrentHashMap<>()
    static Map spec
    static String url
    static String trial
    static int users
    static boolean keepAlive
    static double think
    static List<Double> waits // mean ones of a transaction: the pauses of its steps, and the think time
    static List<Map> rows = []
    static double[] weights // cumulative, of the requests of a mix
    static double[] ranks // cumulative, of rows by Zipf's law
    static org.ngrinder.http.HTTPRequest client

    final Load load
    final java.net.CookieManager cookies = new java.net.CookieManager(null, java.net.CookiePolicy.ACCEPT_ALL)
    final Map<String, Object> extracted = [:]
    boolean loggedIn
    int number // of this user's transactions

    static void prepare(Map settings, String trial, int users) {
        this.trial = trial
        this.users = users
        spec = (Map) settings.traffic
        url = settings.url
        keepAlive = settings.keep_alive
        think = settings.think_time_s
        waits = (spec.kind == "steps" ? spec.requests.collect { it.pause_s as double } : []) + [think]
        if (settings.rows) {
            rows = (List<Map>) Load.plain(new groovy.json.JsonSlurper().parse(new File((String) settings.rows), "UTF-8"))
        }
        weights = cumulative(spec.requests.collect { it.weight as double })
        ranks = spec.pick == "zipf" ? cumulative((1..rows.size()).collect { Math.pow(it, -(spec.zipf_s as double)) }) : null
        ([spec.login] + spec.requests).findAll().each { Map request ->
            request.pattern = request.expect_body == null ? null : java.util.regex.Pattern.compile((String) request.expect_body)
            request.extract.each { it[1].pattern = it[1].regex ? java.util.regex.Pattern.compile((String) it[1].regex) : null }
        }
        client = Connections.client()
    }

    Traffic(Load load) {
        this.load = load
    }

    // The login and every request once, in order.
    void validate() {
        if (spec.login) {
            perform(prepared(spec.login, rowOfLogin(), "validate.login"))
        }
        int row = row(load.user, 0)
        spec.requests.each { request -> load.send { perform(prepared(request, row, trial)) } }
    }

    void transaction() {
        if (spec.login && !loggedIn) {
            try {
                perform(prepared(spec.login, rowOfLogin(), trial + ".login")) // not recorded
                loggedIn = true
            } catch (Exception | AssertionError failure) {
                net.grinder.script.Grinder.grinder.logger.error("login: " + failure)
                load.pause(think > 0 ? (long) (think * 1000) : 1000)
                return
            }
        }
        int current = number++
        double[] draw = Load.drawn(load.user + "/" + current)
        int row = row(load.user + current * users, draw[1])
        List<Map> requests = spec.kind == "steps" ? spec.requests : [spec.requests[place(weights, draw[0])]]
        for (int i = 0; i < requests.size(); i++) {
            if (i > 0 && load.over) {
                return
            }
            Map request = requests[i]
            boolean last = true
            Object made = null
            try {
                made = ready(request, row)
                load.send(made instanceof Exception ? { throw (Exception) made } : { perform((Map) made) })
                last = i == requests.size() - 1
            } finally { // a failure leaves this method, and nGrinder counts it
                load.report()
                double pause = request.pause_s > 0 ? (0.5 + Load.drawn(load.user + "/" + current + "/" + i)[0]) * request.pause_s : 0
                double wait = pause + (last ? (0.5 + draw[2]) * think : 0)
                // Without a think time, a request that cannot be sent would fail thousands of times a second.
                load.pause((long) (Math.max(wait, made instanceof Map ? 0 : UNSENT_WAIT_S) * 1000))
            }
        }
    }

    // The request, or the failure if it cannot be made; made before it is measured.
    private Object ready(Map request, int row) {
        try {
            return prepared(request, row, trial)
        } catch (Exception failure) {
            return failure
        }
    }

    private Map prepared(Map request, int row, String header) {
        Map values = [row: row < 0 ? null : rows[row], uuid: UUID.randomUUID().toString()]
        String target = url + text(request.target, values)
        List<org.apache.hc.core5.http.Header> headers = []
        request.headers.each { if (!it[0].equalsIgnoreCase("X-Study-Trial")) { headers << field(it[0], text(it[1], values)) } }
        headers << field("X-Study-Trial", header)
        cookies.get(URI.create(target), [:]).each { name, each -> each.each { headers << field((String) name, (String) it) } }
        return [request: request, url: target, headers: headers, body: bytes(request.body ?: [], values)]
    }

    private void perform(Map made) {
        Map request = made.request
        org.ngrinder.http.cookie.CookieManager.reset() // this user's cookies are in its own store
        org.ngrinder.http.HTTPResponse response = Connections.use(keepAlive) { exchanged(made) }
        List<String> set = response.getHeaders("Set-Cookie").collect { it.value }
        if (set) {
            cookies.put(URI.create((String) made.url), ["Set-Cookie": set])
        }
        check(request, response)
    }

    private static org.ngrinder.http.HTTPResponse exchanged(Map made) {
        switch (made.request.method) {
            case "GET": return client.GET(made.url, [], made.headers)
            case "HEAD": return client.HEAD(made.url, [], made.headers)
            case "POST": return client.POST(made.url, (byte[]) made.body, made.headers)
            case "PUT": return client.PUT(made.url, (byte[]) made.body, made.headers)
            case "PATCH": return client.PATCH(made.url, (byte[]) made.body, made.headers)
            default: return client.DELETE(made.url, [], made.headers)
        }
    }

    private void check(Map request, org.ngrinder.http.HTTPResponse response) {
        org.junit.Assert.assertTrue("status " + response.statusCode, response.statusCode in request.expect_status)
        String body = request.pattern || request.extract ? response.getBodyText(java.nio.charset.StandardCharsets.UTF_8) : ""
        Map taken = [:]
        try {
            org.junit.Assert.assertTrue("body", request.pattern == null || request.pattern.matcher(new Bounded(body)).find())
            request.extract.each { pair ->
                Object value = value((Map) pair[1], response, body)
                org.junit.Assert.assertNotNull("extract " + pair[0], value)
                taken[pair[0]] = value
            }
        } catch (StackOverflowError ignored) { // a repeated group on a long body, or deeply nested JSON
            throw new IllegalStateException("the body is too long for the regular expression, or nested too deeply")
        }
        extracted.putAll(taken)
    }

    // The value to extract; null for none. A value that is no text is a list with its JSON.
    private static Object value(Map way, org.ngrinder.http.HTTPResponse response, String body) {
        if (way.header) {
            return response.getHeader((String) way.header)?.value
        }
        if (way.pattern) {
            java.util.regex.Matcher found = way.pattern.matcher(new Bounded(body))
            return found.find() ? found.group(found.groupCount() > 0 ? 1 : 0) : null
        }
        Object found
        try {
            found = new groovy.json.JsonSlurper().parseText(body)
        } catch (Exception ignored) {
            return null
        }
        for (Object key : way.keys) {
            if (key instanceof String ? found instanceof Map : found instanceof List) {
                found = key instanceof String ? found.get(key) : found[key as int]
            } else {
                return null
            }
        }
        return found == null || found instanceof String ? found : [groovy.json.JsonOutput.toJson(found)]
    }

    private int rowOfLogin() {
        return row(load.user, Load.drawn(load.user + "/0")[1])
    }

    // The index of a row; -1 if there are none, or all were used once.
    private int row(int turn, double drawn) {
        int count = rows.size()
        if (spec.per == "user") {
            turn = load.user
            drawn = Load.drawn(load.user + "/row")[1]
        }
        switch (count == 0 ? "none" : spec.pick) {
            case "none": return -1
            case "once": return turn < count ? turn : -1
            case "random": return (int) (drawn * count)
            case "zipf": return place(ranks, drawn)
            default: return turn % count
        }
    }

    private static double[] cumulative(List<Double> each) {
        double sum = 0
        return each.collect { sum += it }.toArray(new Double[0])
    }

    private static int place(double[] cumulative, double drawn) {
        double sought = drawn * cumulative[cumulative.length - 1]
        int found = Arrays.binarySearch(cumulative, sought)
        return Math.min(found >= 0 ? found + 1 : -found - 1, cumulative.length - 1)
    }

    // Raises for a value, such as one of a response, that could end the header (RFC 9110, 5.5).
    private static org.apache.hc.core5.http.Header field(String name, String value) {
        if (!(value ==~ /[\t\x20-\x7e\x80-\xff]*/)) {
            throw new IllegalArgumentException("unsendable header " + name)
        }
        return new org.apache.hc.core5.http.message.BasicHeader(name, value)
    }

    private String text(List parts, Map values) {
        StringBuilder joined = new StringBuilder()
        for (Object part : parts) {
            if (part instanceof String) {
                joined.append(part)
            } else if (part[0] == "basename") {
                joined.append(converted("quoted", text((List) part[1], values).replaceAll(".*/", "")))
            } else {
                joined.append(converted((String) part[0], valueOf((String) part[1], values)))
            }
        }
        return joined.toString()
    }

    private byte[] bytes(List parts, Map values) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream()
        for (Object part : parts) {
            boolean isFile = !(part instanceof String) && part[0] == "file"
            joined.write(isFile ? content(text((List) part[1], values)) : text([part], values).getBytes("UTF-8"))
        }
        return joined.toByteArray()
    }

    private static byte[] content(String key) {
        String name = Load.settings.files[key]
        if (name == null) {
            throw new NoData(key)
        }
        return FILES.computeIfAbsent(name, { new File((String) it).bytes })
    }

    private Object valueOf(String name, Map values) {
        if (name.startsWith("row.")) {
            return needed(name, values.row?.get(name.substring(4)))
        }
        switch (name) {
            case "user": return String.valueOf(load.user + 1)
            case "uuid": return values.uuid
            case "trial": return trial
            default: return needed(name, extracted[name])
        }
    }

    private static Object needed(String name, Object value) {
        if (value == null) {
            throw new NoData(name)
        }
        return value
    }

    // As Python's json.dumps and urllib.parse.quote write values, so that both load generators send the same bytes.
    private static String converted(String conversion, Object value) {
        String plain = value instanceof List ? value[0] : value
        switch (conversion) {
            case "percent": return encoded(plain).replace("+", "%20")
            case "form": return encoded(plain)
            case "in_json": return escaped(plain)
            case "json": return value instanceof List ? plain : '"' + escaped(plain) + '"'
            case "quoted": return plain.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
            default: return plain
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, "UTF-8").replace("*", "%2A").replace("%7E", "~")
    }

    private static String escaped(String text) {
        StringBuilder found = new StringBuilder()
        for (char c : text.toCharArray()) {
            int place = '"\\\b\f\n\r\t'.indexOf((int) c)
            if (place >= 0) {
                found.append('\\').append('"\\bfnrt'.charAt(place))
            } else if (c < (char) 0x20 || c > (char) 0x7e) {
                found.append(String.format("\\u%04x", (int) c))
            } else {
                found.append(c)
            }
        }
        return found.toString()
    }
}

// A row, a file or an extracted value that a request needs does not exist.
class NoData extends RuntimeException {
    NoData(String name) {
        super("no data: " + name)
    }
}

// A text for regular expressions. Java backtracks, and a match could take hours: x*x*x*x*y for 5,000 letters x.
@groovy.transform.CompileStatic
class Bounded implements CharSequence {
    static final int MOST_READS = 20_000_000 // of characters, in all: less than a second
    private final String text
    private int reads

    Bounded(String text) {
        this.text = text
    }

    @Override
    char charAt(int index) {
        if (++reads > MOST_READS) {
            throw new IllegalStateException("the regular expression takes too long")
        }
        return text.charAt(index)
    }

    @Override
    int length() {
        return text.length()
    }

    @Override
    CharSequence subSequence(int from, int to) {
        return text.substring(from, to)
    }

    @Override
    String toString() {
        return text
    }
}
