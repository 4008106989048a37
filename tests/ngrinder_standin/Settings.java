import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Settings in a load script, the files next to it, and the parameter of its test. */
final class Settings {
    private static final Pattern LINE = Pattern.compile("SETTINGS = \\[\"([A-Za-z0-9+/=\", ]+)\"\\]");

    final String url;
    final double thinkS;
    final double rampUpS;
    final int timeoutMs;
    /** The real client looks for late responses once a second, unless the script changes that. */
    final int readTimeoutMs;
    final boolean keepAlive;
    /** The traffic of a grid; null for your nGrinder script. */
    final Map<String, Object> traffic;
    /** The text of your nGrinder script; null for the traffic of a grid. */
    final String script;
    final List<Map<String, Object>> rows;
    private final Map<String, Object> keys;
    private final Map<String, byte[]> files;

    /** Throws IllegalArgumentException for a script that the real nGrinder would not compile. */
    Settings(String text, Map<String, byte[]> files) {
        Matcher found = LINE.matcher(text);
        if (!found.find() || count(text, '{') != count(text, '}')) {
            throw new IllegalArgumentException("org.codehaus.groovy.control.MultipleCompilationErrorsException");
        }
        String encoded = found.group(1).replace("\", \"", "");
        Map<String, Object> load = Json.object(new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8));
        this.files = files;
        url = (String) load.get("url");
        thinkS = ((Number) load.get("think_time_s")).doubleValue();
        rampUpS = ((Number) load.get("ramp_up_s")).doubleValue();
        timeoutMs = (int) (((Number) load.get("timeout_s")).doubleValue() * 1000);
        readTimeoutMs = timeoutMs + (text.contains("setSelectInterval(") ? 0 : 1000);
        keepAlive = (Boolean) load.get("keep_alive");
        traffic = cast(load.get("traffic"));
        script = (String) load.get("script");
        keys = cast(load.get("files"));
        String name = (String) load.getOrDefault("rows", "");
        rows = name.isEmpty() ? List.of() : cast(Json.parse(new String(file(name), StandardCharsets.UTF_8)));
        if (script != null && (!script.contains("step(") || count(script, '{') != count(script, '}'))) {
            throw new IllegalArgumentException("no class with a method step(request)");
        }
    }

    /** The content of a file by its key in the grid. */
    byte[] content(String key) {
        if (!keys.containsKey(key)) {
            throw new IllegalStateException("no data: " + key);
        }
        return file((String) keys.get(key));
    }

    private byte[] file(String path) {
        byte[] content = files.get(path);
        if (content == null) {
            throw new IllegalArgumentException("java.io.FileNotFoundException: " + path);
        }
        return content;
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
    static <T> T cast(Object value) {
        return (T) value;
    }
}
