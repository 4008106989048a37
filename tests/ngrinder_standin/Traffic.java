import java.io.ByteArrayOutputStream;
import java.net.CookieManager;
import java.net.CookiePolicy;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What one user requests: as harness/traffic/ngrinder/declared.groovy does it, and a small part of own.groovy. */
final class Traffic {
    private static final Pattern CALL = Pattern.compile("request\\.(HEAD|GET|POST|PUT|DELETE)\\(\"([^\"]+)\"(?:[^\\n]*is\\((\\d+)\\))?");

    private final Settings settings;
    private final String trial;
    private final String seed;
    private final int user;
    private final int users;
    private final CookieManager cookies = new CookieManager(null, CookiePolicy.ACCEPT_ALL);
    private final Map<String, Object> extracted = new LinkedHashMap<>();
    private boolean loggedIn;
    private int number;

    /** What the real nGrinder counts of a request: its client's status from 400 on is a response error. */
    enum Outcome { SUCCESS, SUCCESS_WITH_ERROR_STATUS, FAILURE, INCOMPLETE;

        boolean isSuccess() {
            return this == SUCCESS || this == SUCCESS_WITH_ERROR_STATUS;
        }

        static Outcome of(boolean right, Exchange exchange) {
            if (right) {
                return exchange.status < 400 ? SUCCESS : SUCCESS_WITH_ERROR_STATUS;
            }
            return exchange.endedEarly ? INCOMPLETE : FAILURE;
        }
    }

    /** One request of a transaction. {@code send} does not throw. */
    interface Sending {
        Outcome send();
    }

    /** A request that is ready to be sent, and the pause in s that follows it. */
    static final class Ready {
        final Sending sending;
        final double pauseS;

        Ready(Sending sending, double pauseS) {
            this.sending = sending;
            this.pauseS = pauseS;
        }
    }

    Traffic(Settings settings, String parameter, int user) {
        this.settings = settings;
        this.user = user;
        trial = Settings.parameter(parameter, "trial", "validate");
        seed = Settings.parameter(parameter, "seed", "");
        users = Integer.parseInt(Settings.parameter(parameter, "users", "1"));
    }

    /** Sends the login and each request once; whether all succeeded. */
    boolean validate() {
        if (settings.script != null) {
            List<Ready> calls = calls();
            return !calls.isEmpty() && calls.stream().allMatch(ready -> ready.sending.send().isSuccess());
        }
        boolean right = login();
        for (Map<String, Object> request : requests()) {
            right &= perform(request, row(user, 0), trial).isSuccess();
        }
        return right;
    }

    /** Whether the user is logged in, after a try if it was not. Not counted. */
    boolean login() {
        Map<String, Object> login = Settings.cast(settings.traffic == null ? null : settings.traffic.get("login"));
        if (!loggedIn) {
            loggedIn = login == null || perform(login, row(user, drawn(user + "/0")[1]), trial + ".login").isSuccess();
        }
        return loggedIn;
    }

    /** The requests of the next transaction. Those after a failed one are not sent. */
    List<Ready> transaction() {
        if (settings.script != null) {
            return calls();
        }
        int current = number++;
        double[] draw = drawn(user + "/" + current);
        int row = row(user + current * users, draw[1]);
        boolean steps = "steps".equals(settings.traffic.get("kind"));
        List<Map<String, Object>> chosen = steps ? requests() : List.of(requests().get(place(weights(), draw[0])));
        List<Ready> found = new ArrayList<>();
        for (int i = 0; i < chosen.size(); i++) {
            Map<String, Object> request = chosen.get(i);
            double pause = real(request.get("pause_s"));
            double step = pause > 0 ? (0.5 + drawn(user + "/" + current + "/" + i)[0]) * pause : 0;
            double think = i == chosen.size() - 1 ? (0.5 + draw[2]) * settings.thinkS : 0;
            found.add(new Ready(() -> perform(request, row, trial), step + think));
        }
        return found;
    }

    /** The calls in your nGrinder script, in order: no Groovy runs here. */
    private List<Ready> calls() {
        List<Ready> found = new ArrayList<>();
        Matcher call = CALL.matcher(settings.script);
        while (call.find()) {
            double think = (0.5 + drawn(user + "/" + number++)[2]) * settings.thinkS;
            String method = call.group(1);
            String target = call.group(2).startsWith("/") ? settings.url + call.group(2) : call.group(2);
            String status = call.group(3);
            found.add(new Ready(() -> {
                Exchange exchange = new Exchange(method, target, settings);
                exchange.headers.add(new String[] {"X-Study-Trial", trial});
                exchange.body = "POST".equals(method) || "PUT".equals(method) ? new byte[0] : null;
                return Outcome.of(exchange.perform(cookies) && (status == null || exchange.status == Integer.parseInt(status)), exchange);
            }, think));
        }
        return found;
    }

    private List<Map<String, Object>> requests() {
        return Settings.cast(settings.traffic.get("requests"));
    }

    private Outcome perform(Map<String, Object> request, int row, String header) {
        Map<String, Object> values = row < 0 ? Map.of() : settings.rows.get(row);
        String uuid = UUID.randomUUID().toString();
        try {
            String method = (String) request.get("method");
            Exchange exchange = new Exchange(method, settings.url + text(parts(request.get("target")), values, uuid), settings);
            for (Object pair : parts(request.get("headers"))) {
                String name = (String) parts(pair).get(0);
                exchange.headers.add(new String[] {name, text(parts(parts(pair).get(1)), values, uuid)});
            }
            exchange.headers.add(new String[] {"X-Study-Trial", header});
            if (List.of("POST", "PUT", "PATCH").contains(method)) {
                exchange.body = bytes(request.get("body") == null ? List.of() : parts(request.get("body")), values, uuid);
            }
            return Outcome.of(exchange.perform(cookies) && isExpected(request, exchange), exchange);
        } catch (IllegalStateException error) { // no data
            return Outcome.FAILURE;
        }
    }

    private boolean isExpected(Map<String, Object> request, Exchange exchange) {
        String body = new String(exchange.response, StandardCharsets.UTF_8);
        String pattern = (String) request.get("expect_body");
        boolean right = parts(request.get("expect_status")).contains(exchange.status)
            && (pattern == null || Pattern.compile(pattern).matcher(body).find());
        for (Object pair : parts(request.get("extract"))) {
            Object value = value(Settings.cast(parts(pair).get(1)), exchange, body);
            right &= value != null;
            if (right) {
                extracted.put((String) parts(pair).get(0), value);
            }
        }
        return right;
    }

    private static Object value(Map<String, Object> way, Exchange exchange, String body) {
        if (way.containsKey("header")) {
            return exchange.connection.getHeaderField((String) way.get("header"));
        }
        if (way.containsKey("regex")) {
            Matcher found = Pattern.compile((String) way.get("regex")).matcher(body);
            return found.find() ? found.group(found.groupCount() > 0 ? 1 : 0) : null;
        }
        try {
            Object found = Json.parse(body);
            for (Object key : parts(way.get("keys"))) {
                found = key instanceof String ? Settings.<Map<String, Object>>cast(found).get(key) : parts(found).get(((Number) key).intValue());
            }
            return found == null || found instanceof String ? found : List.of(Json.print(found));
        } catch (IllegalArgumentException | ClassCastException | IndexOutOfBoundsException | NullPointerException error) {
            return null;
        }
    }

    private double[] weights() {
        double sum = 0;
        double[] found = new double[requests().size()];
        for (int i = 0; i < found.length; i++) {
            sum += real(requests().get(i).get("weight"));
            found[i] = sum;
        }
        return found;
    }

    private double[] ranks() {
        double sum = 0;
        double[] found = new double[settings.rows.size()];
        for (int i = 0; i < found.length; i++) {
            sum += Math.pow(i + 1, -real(settings.traffic.get("zipf_s")));
            found[i] = sum;
        }
        return found;
    }

    private int row(int turn, double drawn) {
        int count = settings.rows.size();
        boolean perUser = "user".equals(settings.traffic.get("per"));
        int place = perUser ? user : turn;
        double draw = perUser ? drawn(user + "/row")[1] : drawn;
        switch (count == 0 ? "none" : (String) settings.traffic.get("pick")) {
            case "none":
                return -1;
            case "once":
                return place < count ? place : -1;
            case "random":
                return (int) (draw * count);
            case "zipf":
                return place(ranks(), draw);
            default:
                return place % count;
        }
    }

    private static int place(double[] cumulative, double drawn) {
        for (int i = 0; i < cumulative.length; i++) {
            if (drawn * cumulative[cumulative.length - 1] < cumulative[i]) {
                return i;
            }
        }
        return cumulative.length - 1;
    }

    /** Numbers from 0 to below 1 from the seed and a label. */
    double[] drawn(String label) {
        try {
            byte[] text = (seed + "/" + label).getBytes(StandardCharsets.UTF_8);
            ByteBuffer bytes = ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(text));
            double[] found = new double[4];
            for (int i = 0; i < 4; i++) {
                found[i] = (bytes.getLong() >>> 11) * 0x1p-53;
            }
            return found;
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private String text(List<Object> parts, Map<String, Object> values, String uuid) {
        StringBuilder joined = new StringBuilder();
        for (Object part : parts) {
            if (part instanceof String) {
                joined.append(part);
            } else if ("basename".equals(parts(part).get(0))) {
                joined.append(converted("quoted", text(parts(parts(part).get(1)), values, uuid).replaceAll(".*/", "")));
            } else {
                joined.append(converted((String) parts(part).get(0), valueOf((String) parts(part).get(1), values, uuid)));
            }
        }
        return joined.toString();
    }

    private byte[] bytes(List<Object> parts, Map<String, Object> values, String uuid) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        for (Object part : parts) {
            boolean isFile = !(part instanceof String) && "file".equals(parts(part).get(0));
            byte[] each = isFile ? settings.content(text(parts(parts(part).get(1)), values, uuid))
                : text(List.of(part), values, uuid).getBytes(StandardCharsets.UTF_8);
            joined.write(each, 0, each.length);
        }
        return joined.toByteArray();
    }

    private Object valueOf(String name, Map<String, Object> values, String uuid) {
        switch (name) {
            case "user":
                return String.valueOf(user + 1);
            case "uuid":
                return uuid;
            case "trial":
                return trial;
            default:
                Object found = name.startsWith("row.") ? values.get(name.substring(4)) : extracted.get(name);
                if (found == null) {
                    throw new IllegalStateException("no data: " + name);
                }
                return found;
        }
    }

    private static String converted(String conversion, Object value) {
        boolean isText = value instanceof String;
        String plain = isText ? (String) value : (String) parts(value).get(0);
        switch (conversion) {
            case "percent":
                return encoded(plain).replace("+", "%20");
            case "form":
                return encoded(plain);
            case "in_json":
                return escaped(plain);
            case "json":
                return isText ? '"' + escaped(plain) + '"' : plain;
            case "quoted":
                return plain.replace("\"", "%22").replace("\r", "%0D").replace("\n", "%0A");
            default:
                return plain;
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("*", "%2A").replace("%7E", "~");
    }

    private static String escaped(String text) {
        StringBuilder found = new StringBuilder();
        for (char c : text.toCharArray()) {
            int place = "\"\\\b\f\n\r\t".indexOf(c);
            if (place >= 0) {
                found.append('\\').append("\"\\bfnrt".charAt(place));
            } else if (c < 0x20 || c > 0x7e) {
                found.append(String.format("\\u%04x", (int) c));
            } else {
                found.append(c);
            }
        }
        return found.toString();
    }

    private static double real(Object value) {
        return value == null ? 0 : ((Number) value).doubleValue();
    }

    private static List<Object> parts(Object value) {
        return Settings.cast(value);
    }
}
