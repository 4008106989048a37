import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/** The agent: connects to the controller, runs users on its orders, and reports their counts up to a second late. */
public final class AgentMain {
    private static final String VERSION = System.getProperty("standin.version", "3.5.9-p1");
    private static final List<String> BODIES = List.of("POST", "PUT", "PATCH");
    private static volatile Load load;

    private AgentMain() {}

    public static void main(String[] arguments) throws Exception {
        String home = null;
        String id = "agent";
        String controller = "127.0.0.1";
        int port = 16001;
        for (int i = 0; i + 1 < arguments.length; i++) {
            switch (arguments[i]) {
                case "-ah":
                    home = arguments[i + 1];
                    break;
                case "-hi":
                    id = arguments[i + 1];
                    break;
                case "-ch":
                    controller = arguments[i + 1];
                    break;
                case "-cp":
                    port = Integer.parseInt(arguments[i + 1]);
                    break;
                default:
                    break;
            }
        }
        Path pid = Path.of(home, "pid");
        if (Files.exists(pid)) {
            System.err.println("Usage: run_agent [options] (an agent with this home runs already)");
            System.exit(1);
        }
        Files.createDirectories(Path.of(home, "log"));
        Files.writeString(pid, "agent.pid=" + ProcessHandle.current().pid() + "\n");
        System.setProperty("http.maxConnections", "5000");
        while (true) {
            try (Socket socket = new Socket(controller, port)) {
                serve(socket, id);
            } catch (IOException error) {
                System.err.println("no controller at " + controller + ":" + port + ": " + error.getMessage());
            }
            if (load != null) {
                load.over = true;
            }
            Thread.sleep(2000);
        }
    }

    private static void serve(Socket socket, String id) throws IOException {
        PrintWriter out = new PrintWriter(socket.getOutputStream(), true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        String ip = socket.getLocalAddress().getHostAddress();
        out.println(Json.print(Json.of("type", "join", "ip", ip, "name", id, "version", VERSION)));
        Thread reporter = new Thread(() -> report(out));
        reporter.setDaemon(true);
        reporter.start();
        String line;
        while ((line = in.readLine()) != null) {
            Map<String, Object> order = Json.object(line);
            if ("start".equals(order.get("type"))) {
                load = new Load(order);
                load.start();
            } else if (load != null) {
                load.over = true;
            }
        }
    }

    private static void report(PrintWriter out) {
        try {
            while (!out.checkError()) {
                Thread.sleep(100);
                Load now = load;
                Map<String, Object> message = Json.of("type", "state");
                if (now != null) {
                    now.report(message);
                }
                out.println(Json.print(message));
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Users of one test on this agent. */
    private static final class Load {
        /** Requests that are counted but not reported yet: time in ms, 1 for a success, microseconds. */
        final Queue<long[]> counted = new ConcurrentLinkedQueue<>();
        final AtomicInteger threads = new AtomicInteger();
        volatile boolean over;
        private final Settings settings;
        private final int users;
        private final String trial;
        private final long beginMs;
        private final long endMs;
        private final boolean reset;
        private final boolean arrives;
        private final boolean delayed;
        private final long lateMs;

        Load(Map<String, Object> order) {
            settings = new Settings((String) order.get("script"));
            users = ((Number) order.get("users")).intValue();
            reset = (Boolean) order.get("reset");
            arrives = ((String) order.get("script")).contains("void arrive()");
            delayed = isDelayed((String) order.get("script"));
            lateMs = ((Number) order.get("late_ms")).longValue();
            String parameter = (String) order.get("param");
            trial = Settings.parameter(parameter, "trial", "");
            beginMs = Long.parseLong(Settings.parameter(parameter, "t0_ms", "" + System.currentTimeMillis()));
            endMs = beginMs + Long.parseLong(Settings.parameter(parameter, "duration_ms", "3600000"));
        }

        /**
         * Whether a pause delays the count of a request. With delayReports a request counts at report(), at the next
         * recorded method, or at the end of the run. If the run is stopped in its pause, the request never counts.
         */
        private static boolean isDelayed(String script) {
            boolean holds = script.contains("grinder.statistics.delayReports = true");
            return holds && !Pattern.compile("finally \\{[^}]*grinder\\.statistics\\.report\\(\\)[^}]*pause\\(").matcher(script).find();
        }

        private void count(boolean right, long us) {
            counted.add(new long[] {System.currentTimeMillis(), right ? 1 : 0, us});
        }

        /** Delay of reports in ms. It grows in mid-load, and each fifth second has a longer one. */
        private long lagMs(long now) {
            long second = Math.max(0, now - beginMs) / 1000;
            return 400 + (second >= 6 ? 300 : 0) + (second % 5 == 2 ? 300 : 0);
        }

        private void report(Map<String, Object> message) {
            long now = System.currentTimeMillis();
            long[] sums = new long[3];
            for (long[] one = counted.peek(); one != null && one[0] <= now - lagMs(now); one = counted.peek()) {
                counted.remove();
                sums[one[1] == 1 ? 0 : 1]++;
                sums[2] += one[1] == 1 ? one[2] : 0;
            }
            message.put("tests", sums[0]);
            message.put("errors", sums[1]);
            message.put("time_us", sums[2]);
            message.put("threads", threads.get());
        }

        void start() {
            Thread starter = new Thread(() -> {
                pause(2500 + lateMs); // real worker processes take seconds to start
                for (int i = 0; i < users && !over; i++) {
                    Thread user = new Thread(null, this::runUser, "user", 256 * 1024);
                    user.setDaemon(true);
                    user.start();
                }
            });
            starter.setDaemon(true);
            starter.start();
        }

        private void runUser() {
            threads.incrementAndGet();
            if (arrives) { // an empty recorded method
                count(true, 0);
            }
            ThreadLocalRandom random = ThreadLocalRandom.current();
            double rest = Math.sqrt(0.25 + 2 * random.nextDouble()) * random.nextDouble() * settings.thinkS;
            double begin = random.nextDouble() * settings.rampUpS + rest;
            pause(beginMs + (long) (begin * 1000) - System.currentTimeMillis());
            while (!over && System.currentTimeMillis() < endMs) {
                long began = System.nanoTime();
                boolean right = request();
                long us = (System.nanoTime() - began) / 1000;
                if (!delayed) {
                    count(right, us);
                }
                pause((long) ((0.5 + random.nextDouble()) * settings.thinkS * 1000));
                if (delayed && !over) {
                    count(right, us);
                }
            }
            while (!over) {
                pause(200); // waits until the controller ends the test
            }
            threads.decrementAndGet();
        }

        private void pause(long milliseconds) {
            long until = System.currentTimeMillis() + milliseconds;
            try {
                for (long left = milliseconds; left > 0 && !over; left = until - System.currentTimeMillis()) {
                    Thread.sleep(Math.min(left, 200));
                }
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }

        private boolean request() {
            return send(settings, trial, reset);
        }
    }

    /** Sends one request; true if the response is the expected one. */
    static boolean send(Settings settings, String trial, boolean reset) {
        try {
            HttpURLConnection connection = (HttpURLConnection) new URL(settings.url).openConnection();
            connection.setRequestMethod(settings.method);
            connection.setInstanceFollowRedirects(false);
            connection.setConnectTimeout(settings.timeoutMs);
            connection.setReadTimeout(settings.timeoutMs);
            settings.headers.forEach((name, value) -> connection.setRequestProperty(name, value.toString()));
            connection.setRequestProperty("X-Study-Trial", trial);
            if (reset) {
                connection.setRequestProperty("Connection", "close");
            }
            if (BODIES.contains(settings.method)) { // other methods have no body, even if the script has one
                byte[] body = settings.body.getBytes(StandardCharsets.UTF_8);
                connection.setDoOutput(true);
                connection.setRequestProperty("Expect", "100-continue");
                connection.setFixedLengthStreamingMode(body.length);
                try (OutputStream out = connection.getOutputStream()) {
                    out.write(body);
                }
            }
            long status = connection.getResponseCode();
            InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream();
            String body = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
            if (in != null) {
                in.close();
            }
            return settings.statuses.contains(status) && (settings.pattern == null || settings.pattern.matcher(body).find());
        } catch (IOException error) {
            return false;
        }
    }
}
