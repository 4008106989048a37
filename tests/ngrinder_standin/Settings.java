import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Settings in a load script, and the parameter of its test. */
final class Settings {
    private static final Pattern LINE = Pattern.compile("SETTINGS = \"([A-Za-z0-9+/=]+)\"");

    final String url;
    final String method;
    final String body;
    final Map<String, Object> headers;
    final List<Object> statuses;
    final Pattern pattern;
    final double thinkS;
    final double rampUpS;
    final int timeoutMs;

    /** Throws IllegalArgumentException for a script that the real nGrinder would not compile. */
    Settings(String script) {
        Matcher found = LINE.matcher(script);
        if (!found.find() || count(script, '{') != count(script, '}')) {
            throw new IllegalArgumentException("org.codehaus.groovy.control.MultipleCompilationErrorsException");
        }
        Map<String, Object> load = Json.object(new String(Base64.getDecoder().decode(found.group(1)), StandardCharsets.UTF_8));
        Map<String, Object> request = cast(load.get("request"));
        url = (String) load.get("url") + request.get("path");
        method = (String) request.get("method");
        body = (String) request.get("body");
        headers = cast(request.get("headers"));
        statuses = cast(request.get("expect_status"));
        String expected = (String) request.get("expect_body");
        pattern = expected == null ? null : Pattern.compile(expected);
        thinkS = ((Number) load.get("think_time_s")).doubleValue();
        rampUpS = ((Number) load.get("ramp_up_s")).doubleValue();
        timeoutMs = (int) (((Number) load.get("timeout_s")).doubleValue() * 1000);
    }

    /** The value of one name in a parameter such as "trial=a,t0_ms=1,duration_ms=2". */
    static String parameter(String all, String name, String otherwise) {
        for (String part : all.split(",")) {
            if (part.startsWith(name + "=")) {
                return part.substring(name.length() + 1);
            }
        }
        return otherwise;
    }

    private static long count(String text, char c) {
        return text.chars().filter(found -> found == c).count();
    }

    @SuppressWarnings("unchecked")
    private static <T> T cast(Object value) {
        return (T) value;
    }
}
