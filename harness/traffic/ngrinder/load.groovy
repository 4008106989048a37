// The users of one trial. All that a study varies is in the settings (base64 of `settings` in
// harness/traffic/ngrinder/script.py) and in the test's parameter ("trial=...,t0_ms=...,duration_ms=...").
// Nothing is pasted into the code. The class Traffic follows, with the requests of a user: declared.groovy, or own.groovy
// for your nGrinder script.
import static net.grinder.script.Grinder.grinder

import java.nio.ByteBuffer
import java.security.MessageDigest
import groovy.json.JsonSlurper
import net.grinder.script.GTest
import net.grinder.scriptengine.groovy.junit.GrinderRunner
import net.grinder.scriptengine.groovy.junit.annotation.BeforeProcess
import net.grinder.scriptengine.groovy.junit.annotation.BeforeThread
import net.grinder.statistics.StatisticsIndexMap
import org.apache.hc.core5.http.ConnectionClosedException
import org.apache.hc.core5.http.MalformedChunkCodingException
import org.apache.hc.core5.http2.HttpVersionPolicy
import org.apache.hc.core5.pool.PoolEntry
import org.apache.hc.core5.reactor.IOReactorConfig
import org.apache.hc.core5.util.TimeValue
import org.apache.hc.core5.util.Timeout
import org.junit.Test
import org.junit.runner.RunWith
import org.ngrinder.http.HTTPRequest
import org.ngrinder.http.HTTPRequestControl
import org.ngrinder.http.HTTPRequester

@RunWith(GrinderRunner)
class Load {
    static final List<String> SETTINGS = ["@SETTINGS@"] // in pieces, as a text in a class has 65,535 bytes at most
    static final String INCOMPLETE = StatisticsIndexMap.HTTP_PLUGIN_RESPONSE_ERRORS_KEY // nGrinder's CSV has its sum
    static GTest test
    static Map settings
    static Map parameters
    static long t0 // 0 for the validation of the script, which has no trial
    static long end
    int user // from 0
    boolean here = false
    boolean started = false
    Traffic traffic

    @BeforeProcess
    static void beforeProcess() {
        settings = (Map) plain(new JsonSlurper().parse(SETTINGS.join("").decodeBase64(), "UTF-8"))
        parameters = (System.getProperty("param") ?: "").tokenize(",").collectEntries { it.tokenize("=") }
        t0 = (parameters.t0_ms ?: "0") as long
        end = t0 == 0 ? Long.MAX_VALUE : t0 + (parameters.duration_ms as long)
        int timeout = (int) (settings.timeout_s * 1000)
        HTTPRequestControl.setConnectionTimeout(timeout)
        HTTPRequestControl.setSocketTimeout(timeout)
        test = new GTest(1, "request")
        grinder.statistics.registerSummaryExpression("User_defined_incomplete", INCOMPLETE) // for its live totals
        Traffic.prepare(settings, (String) (parameters.trial ?: "validate"), (parameters.users ?: "1") as int)
    }

    @BeforeThread
    void beforeThread() {
        test.record(this, "exchange")
        test.record(this, "arrive")
        test.record(this, "incomplete")
        grinder.statistics.delayReports = true
        int processes = (parameters.processes ?: "1") as int
        int process = Math.max(0, grinder.agentNumber) * processes + Math.max(0, grinder.processNumber) % processes
        user = process * grinder.properties.getInt("grinder.threads", 1) + Math.max(0, grinder.threadNumber)
        traffic = new Traffic(this)
    }

    @Test
    void step() {
        if (t0 == 0) {
            traffic.validate()
            return
        }
        if (!here) { // counted before second 0, so that the study knows which users started
            arrive()
            here = true
            return
        }
        if (!started) { // a uniformly drawn start in the ramp-up, then ...
            double[] draw = drawn(user + "/start")
            // ... the rest of a transaction's waits in progress: the longer a wait, the likelier it is in progress
            List<Double> waits = Traffic.waits
            double at = draw[3] * (double) waits.sum()
            int place = 0
            while (place < waits.size() - 1 && at >= waits[place]) {
                at -= waits[place]
                place++
            }
            double begin = draw[2] * settings.ramp_up_s + Math.sqrt(0.25 + 2 * draw[0]) * draw[1] * waits[place]
            for (int i = place + 1; i < waits.size(); i++) {
                begin += (0.5 + drawn(user + "/start/" + i)[0]) * waits[i]
            }
            pause(t0 - System.currentTimeMillis() + (long) (begin * 1000))
            started = true
        }
        if (over) { // idle until the study ends the test
            pause(1000)
            return
        }
        traffic.transaction()
    }

    void arrive() {
    }

    // One request, of which only `exchange` is measured. It reports a body that ended early.
    Object send(Closure<?> send) {
        try {
            return exchange(send)
        } catch (Exception failure) {
            if (t0 > 0 && endedEarly(failure)) {
                incomplete()
                report()
            }
            throw failure
        }
    }

    // The measured part: nothing before or after it counts.
    Object exchange(Closure<?> send) {
        Object response = send.call()
        countIncomplete(0) // nGrinder's client counts statuses from 400 on here
        return response
    }

    // nGrinder keeps no statistics of a failure except that it failed. So a success, which the study subtracts, has its kind.
    void incomplete() {
        countIncomplete(1)
    }

    private static void countIncomplete(int number) {
        if (grinder.statistics.testInProgress) {
            grinder.statistics.forCurrentTest.setLong(INCOMPLETE, number)
        }
    }

    // Before the announced length or the last chunk. nGrinder's client does not show whether a connection that was reset or
    // timed out had sent a part of the response.
    static boolean endedEarly(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.cause) {
            boolean closed = each instanceof ConnectionClosedException && each.message?.startsWith("Premature end of")
            if (closed || each instanceof MalformedChunkCodingException) {
                return true
            }
        }
        return false
    }

    boolean isOver() {
        return System.currentTimeMillis() >= end
    }

    // delayReports holds a request until this user's next one, so that its response would count one think time late, or
    // never at the end. So every pause after a request needs this first.
    void report() {
        if (t0 > 0) {
            grinder.statistics.report()
        }
    }

    void pause(long milliseconds) {
        if (t0 > 0 && milliseconds > 0) {
            Thread.sleep(milliseconds) // grinder.sleep varies by 20 %
        }
    }

    // Four numbers from 0 to below 1. They follow from the study's seed and the label alone, so that they are the same in
    // every topology of a block.
    static double[] drawn(String label) {
        byte[] text = ((String) (parameters.seed ?: "") + "/" + label).getBytes("UTF-8")
        ByteBuffer bytes = ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(text))
        double[] found = new double[4]
        for (int i = 0; i < 4; i++) {
            found[i] = (bytes.getLong() >>> 11) * 1.1102230246251565E-16d // 2^-53
        }
        return found
    }

    // Parsed JSON in collections that threads may read at the same time: JsonSlurper's are filled when first read.
    static Object plain(Object value) {
        if (value instanceof Map) {
            Map<Object, Object> copy = new LinkedHashMap<>()
            value.each { key, each -> copy.put(key, plain(each)) }
            return copy
        }
        return value instanceof List ? new ArrayList<Object>(value.collect { plain(it) }) : value
    }
}

// The open connections of this user. nGrinder's client closes one that is idle for the timeout of a response, and a request
// that begins in that moment fails unsent. So their timeout is only set while a request runs.
class Connections {
    static final TimeValue LOOK_EVERY = TimeValue.ofMilliseconds(50)

    // nGrinder's client as it is, except that it looks for late responses more often than once a second.
    static HTTPRequest client() {
        HTTPRequester.Builder like = new HTTPRequester.Builder()
        IOReactorConfig config = IOReactorConfig.copy(like.ioReactorConfig()).setSelectInterval(LOOK_EVERY).build()
        HTTPRequester requester = new HTTPRequester(
            config, like.ioEventHandlerFactory(), null, null, like.ioSessionListener(), HttpVersionPolicy.FORCE_HTTP_1)
        HTTPRequest client = new HTTPRequest()
        client.requester.close()
        client.requester = requester
        requester.start()
        return client
    }

    static Object use(boolean keep, Closure<?> send) {
        setTimeout(Timeout.ofMilliseconds(HTTPRequestControl.socketTimeout))
        try {
            return send.call()
        } finally {
            if (keep) {
                setTimeout(Timeout.DISABLED)
            } else {
                HTTPRequester.reset()
            }
        }
    }

    private static void setTimeout(Timeout timeout) {
        List<PoolEntry> pooled = HTTPRequester.connPool.available // nGrinder adds a connection again after each request
        Set<PoolEntry> different = new LinkedHashSet<>(pooled)
        if (different.size() < pooled.size()) {
            pooled.clear()
            pooled.addAll(different)
        }
        different.each { it.connection?.setSocketTimeout(timeout) }
    }
}
