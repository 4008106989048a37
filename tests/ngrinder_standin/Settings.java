import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a load script holds, and the parameter of its test. */
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

    /** IllegalArgumentException where the real one would not compile the script. */
    Settings(String script) {
        Matcher found = LINE.matcher(script);
        if (!found.find() || count(script, '{') != count(script, '}')) {
            throw new IllegalArgumentException("org.codehaus.groovy.control.MultipleCompilationErrorsException");
        }
        Map<String, Object> said = Json.object(new String(Base64.getDecoder().decode(found.group(1)), StandardCharsets.UTF_8));
        url = (String) said.get("url");
        method = (String) said.get("method");
        body = (String) said.get("body");
        headers = cast(said.get("headers"));
        statuses = cast(said.get("expect_status"));
        String expected = (String) said.get("expect_body");
        pattern = expected == null ? null : Pattern.compile(expected);
        thinkS = ((Number) said.get("think_time_s")).doubleValue();
        rampUpS = ((Number) said.get("ramp_up_s")).doubleValue();
        timeoutMs = (int) (((Number) said.get("timeout_s")).doubleValue() * 1000);
    }

    /** "trial=a,t0_ms=1,duration_ms=2" */
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
