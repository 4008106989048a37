import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The controller: `java -jar this.war --port 8080`. */
public final class Standin {
    // The role names the file after its version: ngrinder-controller-3.5.9-p1.war.
    private static final String VERSION = System.getProperty("standin.version",
        System.getProperty("java.class.path").replaceFirst("^.*ngrinder-controller-(.+)\\.war$", "$1"));
    private static final Pattern TEST = Pattern.compile("/perftest/api/(\\d+)(/\\w+)?");

    private static final int CUT_OFF = 0;

    private final Path home;
    private final Agents agents;
    private final PerfTests tests;
    private final int controlPort;
    private final Map<String, Object> users;
    private final Map<String, String> sessions = new ConcurrentHashMap<>();
    private final Map<String, Long> lastLogin = new ConcurrentHashMap<>();

    /** A response other than status 200 with JSON. */
    private static final class Answer {
        final int status;
        final String type;
        final byte[] body;

        Answer(int status, String type, byte[] body) {
            this.status = status;
            this.type = type;
            this.body = body;
        }
    }

    private Standin(Path home, Properties settings, String address, int controlPort) throws IOException {
        this.home = home;
        this.controlPort = controlPort;
        agents = new Agents(home, Boolean.parseBoolean(settings.getProperty("controller.enable_agent_auto_approval", "true")));
        tests = new PerfTests(home, agents, settings);
        Path file = home.resolve("users.json");
        users = Files.exists(file) ? Json.object(Files.readString(file)) : Json.of();
        long id = 1;
        for (String name : List.of("admin", "user", "superuser", "system")) {
            String role = name.equals("admin") ? "ADMIN" : name.equals("superuser") ? "SUPER_USER" : name.equals("system") ? "SYSTEM_USER" : "USER";
            users.putIfAbsent(name, Json.of("id", id++, "userId", name, "userName", name, "email", name + "@x", "role", role, "password", name));
        }
        agents.listen(settings.getProperty("controller.host", address), controlPort);
    }

    public static void main(String[] arguments) throws Exception {
        int port = 8080;
        int controlPort = 16001; // nGrinder sets this as a property, so controller.controller_port has no effect
        for (int i = 0; i + 1 < arguments.length; i++) {
            if (arguments[i].equals("--port")) {
                port = Integer.parseInt(arguments[i + 1]);
            } else if (arguments[i].equals("--controller-port") || arguments[i].equals("-cp")) {
                controlPort = Integer.parseInt(arguments[i + 1]);
            }
        }
        String address = System.getProperty("server.address", "0.0.0.0");
        Path home = Path.of(System.getProperty("ngrinder.home", System.getProperty("user.home") + "/.ngrinder"));
        Files.createDirectories(home.resolve("repos"));
        Properties settings = new Properties();
        if (Files.exists(home.resolve("system.conf"))) {
            settings.load(Files.newBufferedReader(home.resolve("system.conf")));
        }
        HttpServer server;
        try {
            server = HttpServer.create(new InetSocketAddress(address, port), 100);
        } catch (BindException error) {
            System.out.println("Usage: ngrinder-controller [options]\n  Port " + port + " is already in use.");
            System.exit(0); // nGrinder does not report an error
            return;
        }
        if (Files.exists(home.resolve("fail-start"))) { // Spring prints the error and does not exit
            System.out.println("ERROR SpringApplication: Application run failed\n\tat org.springframework.boot.SpringApplication.run");
            System.out.println("Caused by: java.lang.IllegalStateException: a database of another version\n\tat Standin.main");
            Thread.sleep(Long.MAX_VALUE);
        }
        Thread.sleep(1500);
        Standin standin = new Standin(home, settings, address, controlPort);
        server.createContext("/", standin::serve);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        System.out.println("stand-in for nGrinder " + VERSION + " answers at " + address + ":" + port);
        long next = System.currentTimeMillis() / 1000 * 1000;
        while (true) {
            next += 1000; // the next ticks catch up on a late one
            Thread.sleep(Math.max(0, next - System.currentTimeMillis()));
            standin.tests.tick();
        }
    }

    private void serve(HttpExchange exchange) throws IOException {
        Answer answer;
        try {
            Object result = route(exchange, exchange.getRequestURI().getPath());
            answer = result instanceof Answer ? (Answer) result : json(200, result);
        } catch (IllegalArgumentException | IllegalStateException | ClassCastException | NullPointerException error) {
            answer = json(500, Json.of("message", error.getMessage(), "success", false, "stackTrace", error.toString()));
        }
        exchange.getResponseHeaders().set("Content-Type", answer.type);
        if (answer.status == CUT_OFF) { // chunked, without the last chunk
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(answer.body);
            exchange.getResponseBody().flush();
            exchange.close();
            return;
        }
        exchange.sendResponseHeaders(answer.status, answer.body.length == 0 ? -1 : answer.body.length);
        exchange.getResponseBody().write(answer.body);
        exchange.close();
    }

    private static Answer json(int status, Object value) {
        return new Answer(status, "application/json", Json.print(value).getBytes(StandardCharsets.UTF_8));
    }

    private static Answer text(int status, String type, String text) {
        return new Answer(status, type, text.getBytes(StandardCharsets.UTF_8));
    }

    private Object route(HttpExchange exchange, String path) throws IOException {
        String method = exchange.getRequestMethod();
        if (path.equals("/check/healthcheck")) {
            return Json.of("current", "NONE", "regions", Json.of("NONE", Json.of("port", (long) controlPort)));
        }
        if (path.startsWith("/agent/download")) {
            return download(exchange, path);
        }
        String user = login(exchange);
        if (user == null) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"ngrinder\"");
            return text(401, "text/html", "<html>Unauthorized</html>");
        }
        byte[] content = exchange.getRequestBody().readAllBytes();
        String body = new String(content, StandardCharsets.UTF_8);
        String action = query(exchange, "action");
        boolean admin = user.equals("admin");
        if (path.equals("/agent/api/list") || path.equals("/agent/api")) {
            return agents.list();
        }
        if (path.equals("/agent/api/download_link")) {
            return text(200, "text/plain", "/agent/download/ngrinder-agent-" + VERSION + ".tar");
        }
        if (path.equals("/agent/api/availableAgentCount")) {
            return Json.of("availableAgentCount", (long) agents.free().size());
        }
        Matcher agent = Pattern.compile("/agent/api/([^/]+)/([^/]+)").matcher(path);
        if (agent.matches() && method.equals("PUT")) {
            PerfTests.check(admin, "Access is denied");
            agents.approve(agents.find(agent.group(1), agent.group(2)), "approve".equals(action));
            return Json.of("success", true);
        }
        if (path.equals("/script/api/save")) {
            Map<String, Object> entry = cast(Json.object(body).get("fileEntry"));
            Path file = home.resolve("repos").resolve((String) entry.get("path"));
            Files.createDirectories(file.getParent());
            Files.writeString(file, (String) entry.get("content"));
            return Json.of("success", true);
        }
        if (path.equals("/script/api/validate")) {
            return text(200, "text/plain", validate(home.resolve("repos"), cast(Json.object(body).get("fileEntry"))));
        }
        if (path.startsWith("/script/api/")) {
            String boundary = exchange.getRequestHeaders().getFirst("Content-Type");
            return ScriptFiles.call(home.resolve("repos"), method, path.substring("/script/api/".length()), action, boundary, content);
        }
        if (path.startsWith("/user/api")) {
            return account(path, body, user, admin);
        }
        if (path.equals("/perftest/api/create")) {
            return Json.of("test", Json.of("status", "SAVED"), "config", tests.limits());
        }
        if (path.equals("/perftest/api") && method.equals("POST")) {
            return tests.create(Json.object(body));
        }
        if (path.equals("/perftest/api/list")) {
            List<Object> listed = tests.list();
            return Json.of("tests", listed, "totalElements", (long) listed.size());
        }
        Matcher csv = Pattern.compile("/perftest/(\\d+)/download_csv").matcher(path);
        if (csv.matches()) {
            Path file = tests.csv(Long.parseLong(csv.group(1)));
            return Files.exists(file) ? new Answer(200, "text/csv", Files.readAllBytes(file)) : text(500, "text/html", "<html>error</html>");
        }
        Matcher test = TEST.matcher(path);
        if (test.matches()) {
            return perfTest(Long.parseLong(test.group(1)), method, test.group(2), action);
        }
        return text(404, "text/html", "<html>Not Found</html>");
    }

    private Object perfTest(long id, String method, String what, String action) throws IOException {
        if (method.equals("PUT") && "stop".equals(action)) {
            tests.stop(id);
            return Json.of("success", true);
        }
        if (method.equals("DELETE")) {
            tests.delete(id);
            return Json.of("success", true);
        }
        if ("/status".equals(what)) {
            Map<String, Object> test = tests.get(id);
            return Json.of("id", id, "message", test.get("progressMessage"), "status", tests.status(test));
        }
        return "/sample".equals(what) ? tests.sample(id) : tests.view(tests.get(id));
    }

    private Object account(String path, String body, String user, boolean admin) throws IOException {
        if (path.equals("/user/api/save")) {
            Map<String, Object> fields = Json.object(body);
            String id = (String) fields.get("userId");
            PerfTests.check(admin || id.equals(user), "Access is denied");
            Map<String, Object> known = cast(users.getOrDefault(id, Json.of("id", (long) users.size() + 1)));
            known.putAll(fields);
            if (fields.get("role") instanceof Map) {
                known.put("role", Standin.<Map<String, Object>>cast(fields.get("role")).get("name"));
            }
            users.put(id, known);
            Files.writeString(home.resolve("users.json"), Json.print(users));
            return Json.of("success", true);
        }
        String id = path.equals("/user/api/profile") ? user : path.replaceFirst("^/user/api/([^/]+)(/detail)?$", "$1");
        Map<String, Object> shown = Json.of();
        shown.putAll(cast(users.get(id)));
        String role = (String) shown.get("role");
        shown.put("role", Json.of("shortName", role.substring(0, 1), "fullName", role, "name", role));
        if (path.equals("/user/api/" + id)) {
            // A user who logged in recently comes from a cache, and nGrinder sends an incomplete response.
            boolean cached = System.currentTimeMillis() - lastLogin.getOrDefault(id, 0L) < 30000;
            byte[] whole = Json.print(shown).getBytes(StandardCharsets.UTF_8);
            return cached ? new Answer(CUT_OFF, "application/json", Arrays.copyOf(whole, Math.min(200, whole.length))) : shown;
        }
        return Json.of("user", shown, "config", Json.of("allowPasswordChange", true, "userSecurityEnabled", false));
    }

    /** The account's name; null for a wrong password. Missing credentials are an error, without status 401. */
    private String login(HttpExchange exchange) {
        String cookie = exchange.getRequestHeaders().getFirst("Cookie");
        if (cookie != null && cookie.contains("JSESSIONID=")) {
            String user = sessions.get(cookie.replaceAll(".*JSESSIONID=([^;]*).*", "$1"));
            if (user != null) {
                return user;
            }
        }
        String header = exchange.getRequestHeaders().getFirst("Authorization");
        PerfTests.check(header != null && header.startsWith("Basic "), "Invalid authentication with anonymousUser");
        String[] parts = new String(Base64.getDecoder().decode(header.substring(6)), StandardCharsets.UTF_8).split(":", 2);
        Map<String, Object> user = cast(users.get(parts[0]));
        lastLogin.put(parts[0], System.currentTimeMillis());
        if (user == null || !parts[1].equals(user.get("password"))) {
            return null;
        }
        String session = UUID.randomUUID().toString();
        sessions.put(session, parts[0]);
        exchange.getResponseHeaders().add("Set-Cookie", "JSESSIONID=" + session + "; Path=/; HttpOnly");
        return parts[0];
    }

    private Object download(HttpExchange exchange, String path) throws IOException {
        String host = exchange.getRequestHeaders().getFirst("Host").split(":")[0];
        if (path.equals("/agent/download")) {
            exchange.getResponseHeaders().set("Location", "/agent/download/ngrinder-agent-" + VERSION + "-" + host + ".tar");
            return new Answer(302, "text/html", new byte[0]);
        }
        String java = "exec java -Dstandin.version=" + VERSION + " -cp \"$(dirname \"$0\")/lib/*\" AgentMain \"$@\"\n";
        Tar tar = new Tar();
        tar.add("ngrinder-agent/run_agent.sh", 0755, ("#!/bin/sh\n" + java).getBytes(StandardCharsets.UTF_8));
        tar.add("ngrinder-agent/__agent.conf", 0644, ("agent.controller_host=" + host + "\n").getBytes(StandardCharsets.UTF_8));
        tar.add("ngrinder-agent/lib/agent.jar", 0644, Files.readAllBytes(Path.of(System.getProperty("java.class.path"))));
        return new Answer(200, "application/octet-stream", tar.end());
    }

    /** The log of one iteration. The status is always 200. */
    private static String validate(Path repository, Map<String, Object> entry) throws IOException {
        try {
            Map<String, byte[]> files = new HashMap<>();
            ScriptFiles.next(repository, (String) entry.get("path")).forEach((path, each) -> files.put(path, Base64.getDecoder().decode((String) each)));
            boolean right = new Traffic(new Settings((String) entry.get("content"), files), "", 0).validate();
            return (right ? "" : "ERROR java.lang.AssertionError: unexpected answer\n\tat Test.send\n")
                + "             Tests        Errors       Mean Test\n\nTotals       " + (right ? "1            0            66.00" : "0            1            NaN") + "\n";
        } catch (IllegalArgumentException error) {
            return "ERROR Script error - " + error.getMessage() + " load.groovy: 33: Unexpected input\n";
        }
    }

    private static String query(HttpExchange exchange, String name) {
        String query = exchange.getRequestURI().getRawQuery();
        for (String part : query == null ? new String[0] : query.split("&")) {
            if (part.startsWith(name + "=")) {
                return URLDecoder.decode(part.substring(name.length() + 1), StandardCharsets.UTF_8);
            }
        }
        return "";
    }

    @SuppressWarnings("unchecked")
    private static <T> T cast(Object value) {
        return (T) value;
    }
}
