import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/** The agent: connects to the controller, runs users on its orders, and reports their counts up to a second late. */
public final class AgentMain {
    private static final String VERSION = System.getProperty("standin.version", "3.5.9-p1");
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
        /** Requests that are counted but not reported yet: time in ms, 1 for a success, microseconds, response errors. */
        final Queue<long[]> counted = new ConcurrentLinkedQueue<>();
        final AtomicInteger threads = new AtomicInteger();
        volatile boolean over;
        private final Settings settings;
        private final int users;
        private final int firstUser;
        private final String parameter;
        private final long beginMs;
        private final long endMs;
        private final boolean arrives;
        private final boolean delayed;
        private final boolean tellsIncomplete;
        private final boolean keepsErrorStatuses;
        private final boolean closesIdle;
        private final long lateMs;

        Load(Map<String, Object> order) {
            settings = new Settings((String) order.get("script"), files(order));
            users = ((Number) order.get("users")).intValue();
            firstUser = ((Number) order.get("first_user")).intValue();
            arrives = ((String) order.get("script")).contains("void arrive()");
            delayed = isDelayed((String) order.get("script"));
            tellsIncomplete = ((String) order.get("script")).contains("void incomplete()");
            keepsErrorStatuses = !((String) order.get("script")).contains("countIncomplete(0)");
            closesIdle = !((String) order.get("script")).contains("setTimeout(Timeout.DISABLED)");
            lateMs = ((Number) order.get("late_ms")).longValue();
            parameter = (String) order.get("param");
            beginMs = Long.parseLong(Settings.parameter(parameter, "t0_ms", "" + System.currentTimeMillis()));
            endMs = beginMs + Long.parseLong(Settings.parameter(parameter, "duration_ms", "3600000"));
        }

        /**
         * Whether a pause delays the count of a request. With delayReports a request counts at report(), at the next
         * recorded method, or at the end of the run. If the run is stopped in its pause, the request never counts.
         * Both places that pause after a request report it first.
         */
        private static boolean isDelayed(String script) {
            boolean holds = script.contains("grinder.statistics.delayReports = true");
            return holds && !Pattern.compile("load\\.report\\(\\)[^}]*load\\.pause\\(", Pattern.DOTALL).matcher(script).find();
        }

        private void count(Traffic.Outcome outcome, long us) {
            long errors = outcome == Traffic.Outcome.SUCCESS_WITH_ERROR_STATUS && keepsErrorStatuses ? 1 : 0;
            counted.add(new long[] {System.currentTimeMillis(), outcome.isSuccess() ? 1 : 0, us, errors});
            if (outcome == Traffic.Outcome.INCOMPLETE && tellsIncomplete) { // a recorded method with statistics of its own
                counted.add(new long[] {System.currentTimeMillis(), 1, 0, 1});
            }
        }

        /** Delay of reports in ms. It grows in mid-load, and each fifth second has a longer one. */
        private long lagMs(long now) {
            long second = Math.max(0, now - beginMs) / 1000;
            return 400 + (second >= 6 ? 300 : 0) + (second % 5 == 2 ? 300 : 0);
        }

        private void report(Map<String, Object> message) {
            long now = System.currentTimeMillis();
            long[] sums = new long[4];
            for (long[] one = counted.peek(); one != null && one[0] <= now - lagMs(now); one = counted.peek()) {
                counted.remove();
                sums[one[1] == 1 ? 0 : 1]++;
                sums[2] += one[1] == 1 ? one[2] : 0;
                sums[3] += one[1] == 1 ? one[3] : 0; // of failures nothing else is kept
            }
            message.put("tests", sums[0]);
            message.put("errors", sums[1]);
            message.put("time_us", sums[2]);
            message.put("response_errors", sums[3]);
            message.put("threads", threads.get());
        }

        void start() {
            Thread starter = new Thread(() -> {
                pause(2500 + lateMs); // real worker processes take seconds to start
                for (int i = 0; i < users && !over; i++) {
                    int number = firstUser + i;
                    Thread user = new Thread(null, () -> runUser(number), "user", 256 * 1024);
                    user.setDaemon(true);
                    user.start();
                }
            });
            starter.setDaemon(true);
            starter.start();
        }

        private void runUser(int number) {
            threads.incrementAndGet();
            if (arrives) { // an empty recorded method
                count(Traffic.Outcome.SUCCESS, 0);
            }
            Traffic traffic = new Traffic(settings, parameter, number);
            double[] draw = traffic.drawn(number + "/start");
            double rest = Math.sqrt(0.25 + 2 * draw[0]) * draw[1] * settings.thinkS;
            double begin = draw[2] * settings.rampUpS + rest;
            pause(beginMs + (long) (begin * 1000) - System.currentTimeMillis());
            long[] usedMs = {0};
            while (!isOver()) {
                if (!traffic.login()) {
                    pause(settings.thinkS > 0 ? (long) (settings.thinkS * 1000) : 1000);
                    continue;
                }
                for (Traffic.Ready ready : traffic.transaction()) {
                    if (isOver() || !send(ready, usedMs)) {
                        break;
                    }
                }
            }
            while (!over) {
                pause(200); // waits until the controller ends the test
            }
            threads.decrementAndGet();
        }

        private boolean isOver() {
            return over || System.currentTimeMillis() >= endMs;
        }

        /**
         * Whether the client closes the connection as the request begins. The timeout of a response also closes idle
         * connections, within a second. The real client fails only the requests of that very moment.
         */
        private boolean closes(long usedMs) {
            long idleMs = System.currentTimeMillis() - usedMs;
            return closesIdle && settings.keepAlive && idleMs >= settings.timeoutMs && idleMs <= settings.timeoutMs + 1000;
        }

        /** Sends one request, counts it and pauses; whether it succeeded. The user's connection was last used at usedMs[0]. */
        private boolean send(Traffic.Ready ready, long[] usedMs) {
            long began = System.nanoTime();
            Traffic.Outcome outcome = closes(usedMs[0]) ? Traffic.Outcome.FAILURE : ready.sending.send();
            usedMs[0] = System.currentTimeMillis();
            boolean right = outcome.isSuccess();
            long us = (System.nanoTime() - began) / 1000;
            if (!delayed) {
                count(outcome, us);
            }
            pause((long) ((right ? ready.pauseS : Math.max(ready.pauseS, settings.thinkS)) * 1000));
            if (delayed && !over) {
                count(outcome, us);
            }
            return right;
        }

        private static Map<String, byte[]> files(Map<String, Object> order) {
            Map<String, byte[]> found = new HashMap<>();
            Settings.<Map<String, Object>>cast(order.get("files")).forEach((path, content) -> found.put(path, Base64.getDecoder().decode((String) content)));
            return found;
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
    }
}
