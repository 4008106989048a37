// The users of one trial. All that a study varies is in the settings (base64 of LoadSpec.wire in
// harness/traffic/load_generator.py) and in the test's parameter ("trial=...,t0_ms=...,duration_ms=...").
// Nothing is pasted into the code.
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
    static Map spec // of the request
    static String url
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
        spec = (Map) settings.request
        url = settings.url + spec.path
        body = ((String) spec.body).getBytes("UTF-8")
        int timeout = (int) (settings.timeout_s * 1000)
        HTTPRequestControl.setConnectionTimeout(timeout)
        HTTPRequestControl.setSocketTimeout(timeout)
        request = new HTTPRequest()
        request.setHeaders(spec.headers + ["X-Study-Trial": parameters.trial ?: "validate"])
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
        if (t0 > 0 && !here) { // counted before second 0, so that the study knows which users started
            arrive()
            here = true
            return
        }
        if (t0 > 0 && !started) { // a uniformly drawn start in the ramp-up, then ...
            ThreadLocalRandom random = ThreadLocalRandom.current()
            // ... the residual of a think time in progress: the longer a think time, the likelier it is in progress
            double current = Math.sqrt(0.25 + 2 * random.nextDouble()) * random.nextDouble()
            double begin = random.nextDouble() * settings.ramp_up_s + current * settings.think_time_s
            pause(t0 - System.currentTimeMillis() + (long) (begin * 1000))
            started = true
        }
        if (System.currentTimeMillis() >= end) { // idle until the study ends the test
            pause(1000)
            return
        }
        try {
            send()
        } finally {
            if (t0 > 0) {
                // delayReports holds a request until this user's next one, so that its response would count one
                // think time late, or never at the end.
                grinder.statistics.report()
                pause((long) ((0.5 + ThreadLocalRandom.current().nextDouble()) * settings.think_time_s * 1000))
            }
        }
    }

    void arrive() {
    }

    // The measured part: nothing before or after it counts.
    void send() {
        HTTPResponse response
        switch (spec.method) {
            case "GET": response = request.GET(url); break
            case "POST": response = request.POST(url, body); break
            case "PUT": response = request.PUT(url, body); break
            case "PATCH": response = request.PATCH(url, body); break
            default: response = request.DELETE(url)
        }
        assertTrue("status " + response.statusCode, response.statusCode in spec.expect_status)
        if (spec.expect_body != null) {
            assertTrue("body", (response.getBodyText(StandardCharsets.UTF_8) =~ spec.expect_body).find())
        }
    }

    private static void pause(long milliseconds) {
        if (milliseconds > 0) {
            Thread.sleep(milliseconds) // grinder.sleep varies by 20 %
        }
    }
}
