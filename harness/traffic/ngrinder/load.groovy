// The users of one trial. Everything that a study varies stands in the settings, base64 of JSON, and in
// the test's parameter ("trial=...,t0_ms=...,duration_ms=..."); nothing is pasted into the code.
import static net.grinder.script.Grinder.grinder
import static org.junit.Assert.assertTrue

import java.nio.charset.StandardCharsets
import java.util.concurrent.ThreadLocalRandom
import groovy.json.JsonSlurper
import net.grinder.script.GTest
import net.grinder.scriptengine.groovy.junit.GrinderRunner
import net.grinder.scriptengine.groovy.junit.annotation.BeforeProcess
import net.grinder.scriptengine.groovy.junit.annotation.BeforeThread
import org.junit.Test
import org.junit.runner.RunWith
import org.ngrinder.http.HTTPRequest
import org.ngrinder.http.HTTPRequestControl
import org.ngrinder.http.HTTPResponse

@RunWith(GrinderRunner)
class Load {
    static final String SETTINGS = "@SETTINGS@"
    static GTest test
    static HTTPRequest request
    static Map settings
    static byte[] body
    static long t0
    static long end
    boolean here = false
    boolean started = false

    @BeforeProcess
    static void beforeProcess() {
        settings = (Map) new JsonSlurper().parseText(new String(SETTINGS.decodeBase64(), "UTF-8"))
        Map parameters = (System.getProperty("param") ?: "").tokenize(",").collectEntries { it.tokenize("=") }
        t0 = (parameters.t0_ms ?: "0") as long
        end = t0 == 0 ? Long.MAX_VALUE : t0 + (parameters.duration_ms as long)
        body = ((String) settings.body).getBytes("UTF-8")
        int timeout = (int) (settings.timeout_s * 1000)
        HTTPRequestControl.setConnectionTimeout(timeout)
        HTTPRequestControl.setSocketTimeout(timeout)
        request = new HTTPRequest()
        request.setHeaders(settings.headers + ["X-Study-Trial": parameters.trial ?: "validate"])
        test = new GTest(1, "request")
    }

    @BeforeThread
    void beforeThread() {
        test.record(this, "send")
        test.record(this, "arrive")
        grinder.statistics.delayReports = true
    }

    @Test
    void step() {
        if (t0 > 0 && !here) { // counted and shown before second 0, so that the study sees who is there
            arrive()
            here = true
            return
        }
        if (t0 > 0 && !started) { // a place in the ramp-up, uniform so that no two seconds are alike, ...
            ThreadLocalRandom random = ThreadLocalRandom.current()
            // ... then the rest of a think time, as of somebody who is met at any moment: a long one is met more often
            double met = Math.sqrt(0.25 + 2 * random.nextDouble()) * random.nextDouble()
            double begin = random.nextDouble() * settings.ramp_up_s + met * settings.think_time_s
            pause(t0 - System.currentTimeMillis() + (long) (begin * 1000))
            started = true
        }
        if (System.currentTimeMillis() >= end) { // whoever is done waits until the study ends the test
            pause(1000)
            return
        }
        try {
            send()
        } finally {
            if (t0 > 0) {
                // With delayReports a request is held until this user's next one, and its response would count a
                // think time late or, at the end, not at all.
                grinder.statistics.report()
                pause((long) ((0.5 + ThreadLocalRandom.current().nextDouble()) * settings.think_time_s * 1000))
            }
        }
    }

    void arrive() {
    }

    // What is measured: what comes before and after it is no part of its time.
    void send() {
        HTTPResponse response
        switch (settings.method) {
            case "GET": response = request.GET(settings.url); break
            case "POST": response = request.POST(settings.url, body); break
            case "PUT": response = request.PUT(settings.url, body); break
            case "PATCH": response = request.PATCH(settings.url, body); break
            default: response = request.DELETE(settings.url)
        }
        assertTrue("status " + response.statusCode, response.statusCode in settings.expect_status)
        if (settings.expect_body != null) {
            assertTrue("body", (response.getBodyText(StandardCharsets.UTF_8) =~ settings.expect_body).find())
        }
    }

    private static void pause(long milliseconds) {
        if (milliseconds > 0) {
            Thread.sleep(milliseconds) // not grinder.sleep, which varies by 20 %
        }
    }
}
