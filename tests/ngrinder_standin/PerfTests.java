import static java.util.Map.entry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/** Performance tests with states, samples and CSV files. tick() is called once a second. */
final class PerfTests {
    private static final String HEADER = "DateTime,vuser,Tests,Errors,Mean_Test_Time_(ms),Test_Time_Standard_Deviation_(ms),TPS,"
        + "Mean_response_length,Response_bytes_per_second,Response_errors,Mean_time_to_resolve_host,"
        + "Mean_time_to_establish_connection,Mean_time_to_first_byte\n";
    private static final Map<String, String> CATEGORIES = Map.ofEntries(
        entry("SAVED", "PREPARE"), entry("READY", "PREPARE"), entry("START_AGENTS", "PROGRESSING"),
        entry("DISTRIBUTE_FILES", "PROGRESSING"), entry("DISTRIBUTE_FILES_FINISHED", "PROGRESSING"),
        entry("TESTING", "TESTING"), entry("ABNORMAL_TESTING", "ABNORMAL_TESTING"), entry("FINISHED", "FINISHED"),
        entry("FINISHED_WITH_WARNING", "WARNED"), entry("STOP_BY_ERROR", "ERROR"), entry("CANCELED", "STOP"));
    private static final int LAG_TICKS = 1; // delay of totals, in addition to that of the agents
    private static final long BUSY_AFTER_CANCEL_MS = 7500;

    private final Path home;
    private final Agents agents;
    private final TreeMap<Long, Map<String, Object>> tests = new TreeMap<>();
    private final int mostAgents;
    private final int mostUsers;
    private Run run;

    /** The running test. At most one test runs at a time. */
    private static final class Run {
        final long id;
        final List<Agents.Agent> agents = new ArrayList<>();
        final long since = System.currentTimeMillis();
        long testingSince;
        LocalDateTime began;
        long lostSince;
        long tests;
        long errors;
        long timeUs;
        long responseErrors;
        long[] last = new long[5];
        int failingFor;
        long rows;
        long loaded; // rows since the first response
        long arrivals;
        boolean withoutScript;
        boolean skip;
        long[] held = new long[5]; // counts of a skipped row, which the next row adds, so that sums stay exact
        boolean repeat;
        boolean endsAtOnce;
        long lateMs;
        int flaps;
        boolean showsIncomplete;
        final ArrayDeque<long[]> totals = new ArrayDeque<>();

        Run(long id) {
            this.id = id;
        }
    }

    PerfTests(Path home, Agents agents, Properties settings) throws IOException {
        this.home = home;
        this.agents = agents;
        mostAgents = Integer.parseInt(settings.getProperty("controller.max_agent_per_test", "10").trim());
        mostUsers = Integer.parseInt(settings.getProperty("controller.max_vuser_per_agent", "3000").trim());
        Files.createDirectories(home.resolve("perftest"));
        try (var files = Files.newDirectoryStream(home.resolve("perftest"), "*.json")) {
            for (Path file : files) {
                Map<String, Object> test = Json.object(Files.readString(file));
                if (CATEGORIES.get(name(test)).equals("TESTING")) { // a restarted nGrinder loses all results of a running test
                    test.put("tests", 0L);
                    test.put("errors", 0L);
                    test.put("tps", 0.0);
                    move(test, "FINISHED", "The test is successfully finished.");
                }
                tests.put((Long) test.get("id"), test);
            }
        }
    }

    synchronized Map<String, Object> create(Map<String, Object> requested) {
        check(text(requested, "testName").length() > 0, "testName should be provided");
        String status = text(requested, "status").isEmpty() ? "SAVED" : text(requested, "status");
        check(status.equals("SAVED") || status.equals("READY"), "status only allows SAVE or READY");
        long wanted = number(requested, "agentCount", 0);
        check(wanted <= agents.approved().size(), "test agent should be equal to or less than " + agents.approved().size());
        check(wanted <= mostAgents, "test agent should be equal to or less than " + mostAgents);
        long users = number(requested, "processes", 1) * number(requested, "threads", 1);
        check(number(requested, "vuserPerAgent", users) == users, "vuserPerAgent should be equal to (processes * threads)");
        check(users <= mostUsers, "vuserPerAgent should be equal to or less than " + mostUsers);
        check(!status.equals("READY") || text(requested, "scriptName").length() > 0, "scriptName should be provided.");
        check(number(requested, "duration", 60000) <= 8 * 3600000L, "duration should be equal to or less than 8");
        long id = tests.isEmpty() ? 1 : tests.lastKey() + 1;
        Map<String, Object> test = Json.of("id", id, "createdAt", System.currentTimeMillis(), "progressMessage", "");
        test.putAll(requested);
        test.put("param", text(requested, "param").replace(" ", ""));
        tests.put(id, test);
        move(test, status, "");
        return view(test);
    }

    synchronized Map<String, Object> limits() {
        return Json.of("maxVuserPerAgent", (long) mostUsers, "maxRunHour", 8L, "maxRunCount", 10000L);
    }

    /** Newest first. */
    synchronized List<Object> list() {
        List<Object> listed = new ArrayList<>();
        tests.descendingMap().values().forEach(test -> listed.add(view(test)));
        return listed.subList(0, Math.min(10, listed.size()));
    }

    synchronized Map<String, Object> get(long id) {
        check(tests.containsKey(id), "PerfTest " + id + " does not exists");
        return tests.get(id);
    }

    synchronized Map<String, Object> view(Map<String, Object> test) {
        Map<String, Object> copy = Json.of();
        copy.putAll(test);
        copy.put("status", status(test));
        return copy;
    }

    synchronized Map<String, Object> status(Map<String, Object> test) {
        String name = name(test);
        String category = CATEGORIES.get(name);
        boolean over = List.of("FINISHED", "WARNED", "ERROR", "STOP").contains(category);
        boolean runs = category.equals("PROGRESSING") || category.equals("TESTING");
        return Json.of("name", name, "category", category, "stoppable", runs, "reportable", over,
            "deletable", over || category.equals("PREPARE"), "iconName", "blue.png");
    }

    /** Requests a stop, asynchronously. No effect and no error if the test does not run. */
    synchronized void stop(long id) {
        if (run != null && run.id == id) {
            get(id).put("stopRequest", true);
        }
    }

    synchronized void delete(long id) throws IOException {
        get(id);
        tests.remove(id);
        Files.deleteIfExists(home.resolve("perftest/" + id + ".json"));
        if (Files.deleteIfExists(csv(id))) {
            Files.delete(csv(id).getParent());
        } // its logs remain, as in the real nGrinder
    }

    /** The CSV file of a test. It does not exist before the first sample. */
    Path csv(long id) {
        return home.resolve("perftest/0_999/" + id + "/report/output.csv");
    }

    synchronized Map<String, Object> sample(long id) {
        Map<String, Object> answer = Json.of("status", status(get(id)));
        if (run != null && run.id == id && run.testingSince > 0 && run.last[3] > 0) {
            double seconds = Math.max(1, (System.currentTimeMillis() - run.testingSince) / 1000.0);
            long[] late = run.totals.peekFirst();
            Map<String, Object> sums = Json.of("Tests", (double) late[0], "Errors", (double) late[1], "TPS", late[0] / seconds);
            if (run.showsIncomplete) {
                sums.put("User_defined_incomplete", (double) late[2]);
            }
            answer.put("perf", Json.of("success", true, "testTime", (long) seconds, "process", (long) run.agents.size(), "thread", run.last[3],
                "tpsChartData", (double) run.last[0],
                "totalStatistics", sums));
        }
        return answer;
    }

    /** Called once a second. */
    synchronized void tick() throws IOException {
        if (run == null) {
            for (Map<String, Object> test : tests.values()) {
                if (name(test).equals("READY") && agents.free().size() >= number(test, "agentCount", 0)) {
                    run = new Run((Long) test.get("id"));
                    run.agents.addAll(agents.free().subList(0, (int) number(test, "agentCount", 0)));
                    run.agents.forEach(agent -> agent.busy = true);
                    move(test, "START_AGENTS", "agents are starting");
                    return;
                }
            }
            return;
        }
        Map<String, Object> test = tests.get(run.id);
        if (test == null) {
            return; // deleted while running: its agents remain busy, as in the real nGrinder
        }
        String state = name(test);
        if (run.flaps > 0) { // a stop in this state is reported, withdrawn, and then carried out
            if (--run.flaps == 1) {
                move(test, "DISTRIBUTE_FILES_FINISHED", "");
            } else {
                finish(test, "CANCELED", "Stop requested by user");
            }
        } else if (Boolean.TRUE.equals(test.get("stopRequest")) && state.equals("DISTRIBUTE_FILES")) {
            run.flaps = 2;
            move(test, "CANCELED", "Stop requested by user");
        } else if (Boolean.TRUE.equals(test.get("stopRequest"))) {
            finish(test, "CANCELED", "Stop requested by user");
        } else if (state.equals("START_AGENTS")) {
            if (!Files.exists(script(test))) {
                finish(test, "STOP_BY_ERROR", "script should exist");
                return;
            }
            Path faults = home.resolve("faults");
            String fault = Files.exists(faults) ? Files.readString(faults) : "";
            run.withoutScript = fault.contains("lose-script");
            run.skip = fault.contains("skip-second");
            run.repeat = fault.contains("repeat-second");
            run.endsAtOnce = fault.contains("ends-at-once");
            run.lateMs = fault.contains("late-workers") ? 20000 : 0;
            if (!run.skip && !run.repeat) { // these two apply to the measured load, after any number of restarts
                Files.deleteIfExists(faults);
            }
            move(test, "DISTRIBUTE_FILES", "files are distributed");
        } else if (state.equals("DISTRIBUTE_FILES")) {
            if (!run.withoutScript || System.currentTimeMillis() - run.since > 12000) {
                begin(test);
            }
        } else if (state.equals("ABNORMAL_TESTING")) {
            finish(test, "STOP_BY_ERROR", "Stopped by error");
        } else {
            measure(test);
        }
    }

    private Path script(Map<String, Object> test) {
        return home.resolve("repos").resolve(text(test, "scriptName"));
    }

    private void begin(Map<String, Object> test) throws IOException {
        run.testingSince = System.currentTimeMillis();
        run.began = LocalDateTime.now();
        test.put("startTime", run.testingSince);
        move(test, "TESTING", "testing");
        long users = number(test, "processes", 1) * number(test, "threads", 1);
        run.arrivals = Files.exists(script(test)) && Files.readString(script(test)).contains("void arrive()") ? run.agents.size() * users : 0;
        run.showsIncomplete = Files.exists(script(test)) && Files.readString(script(test)).contains("\"User_defined_incomplete\"");
        long first = 0;
        for (Agents.Agent agent : run.agents) {
            agent.take();
            if (!run.withoutScript) {
                agent.send(Json.of("type", "start", "script", Files.readString(script(test)), "param", text(test, "param"),
                    "users", users, "first_user", first, "late_ms", run.lateMs,
                    "files", ScriptFiles.next(home.resolve("repos"), text(test, "scriptName"))));
                first += users;
            }
        }
    }

    private void measure(Map<String, Object> test) throws IOException {
        if (run.endsAtOnce) { // the real nGrinder did so in the first test after a restart
            finish(test, "FINISHED_WITH_WARNING", "[WARNING] The test is finished but has no TPS.");
            return;
        }
        long now = System.currentTimeMillis();
        run.agents.removeIf(agent -> !agents.isThere(agent));
        if (run.agents.isEmpty()) {
            run.lostSince = run.lostSince == 0 ? now : run.lostSince;
            if (now - run.lostSince > 13000) {
                move(test, "ABNORMAL_TESTING", "[ERROR] All agents are unexpectedly lost.");
            }
            return;
        }
        long[] sum = new long[5];
        for (Agents.Agent agent : run.agents) {
            long[] taken = agent.take();
            for (int i = 0; i < 5; i++) {
                sum[i] += taken[i];
            }
        }
        run.last = sum;
        run.tests += sum[0];
        run.errors += sum[1];
        run.timeUs += sum[2];
        run.responseErrors += sum[4];
        run.totals.add(new long[] {run.tests, run.errors, run.responseErrors});
        if (run.totals.size() > LAG_TICKS + 1) {
            run.totals.removeFirst();
        }
        long second = ++run.rows; // a counter, because two ticks may be in one second of the clock
        run.loaded += run.tests > run.arrivals ? 1 : 0;
        if (run.loaded == 5) {
            Files.deleteIfExists(home.resolve("faults"));
        }
        if (run.skip && run.loaded == 4) {
            run.held = sum;
        } else if (sum[3] > 0) {
            for (int i = 0; i < 5; i++) {
                sum[i] += i == 3 ? 0 : run.held[i]; // 3: threads
            }
            run.held = new long[5];
            String mean = sum[0] > 0 ? String.format("%.2f", sum[2] / 1000.0 / sum[0]) : "0";
            String row = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss").format(run.began.plusSeconds(second))
                + "," + sum[3] + "," + sum[0] + "," + sum[1] + "," + mean + ",0," + sum[0] + ",0,0," + sum[4] + ",0,0,0\n";
            if (!Files.exists(csv(run.id))) {
                Files.createDirectories(csv(run.id).getParent());
                Files.writeString(csv(run.id), HEADER);
            }
            Files.writeString(csv(run.id), run.repeat && run.loaded == 2 ? row + row : row, StandardOpenOption.APPEND);
        }
        run.failingFor = run.errors > run.tests ? run.failingFor + 1 : 0;
        if (run.failingFor > 10 && !Boolean.TRUE.equals(test.get("ignoreTooManyError"))) {
            move(test, "ABNORMAL_TESTING", "Too many errors");
        } else if (now - run.testingSince > number(test, "duration", 60000)) {
            if (run.tests + run.errors == 0) {
                finish(test, "FINISHED_WITH_WARNING", "[WARNING] The test is finished but has no TPS.");
            } else if (run.errors > 0.3 * (run.tests + run.errors)) {
                finish(test, "FINISHED_WITH_WARNING",
                    "[WARNING] The test is finished but contains too much errors(over 30% of total runs).");
            } else {
                finish(test, "FINISHED", "The test is successfully finished.");
            }
        }
    }

    private void finish(Map<String, Object> test, String state, String message) {
        for (Agents.Agent agent : run.agents) {
            agent.send(Json.of("type", "stop"));
            agent.freeAt(System.currentTimeMillis() + (state.equals("CANCELED") ? BUSY_AFTER_CANCEL_MS : 1000));
        }
        try {
            Path logs = Files.createDirectories(csv(run.id).getParent().resolveSibling("logs"));
            Files.writeString(logs.resolve("agent--log.zip"), "");
        } catch (IOException error) {
            throw new IllegalStateException(error.getMessage());
        }
        test.put("tests", run.tests);
        test.put("errors", run.errors);
        test.put("tps", run.testingSince == 0 ? 0.0 : run.tests * 1000.0 / (System.currentTimeMillis() - run.testingSince));
        test.put("finishTime", System.currentTimeMillis());
        run = null;
        move(test, state, message);
    }

    private void move(Map<String, Object> test, String state, String message) {
        test.put("state", state);
        test.put("lastProgressMessage", message);
        test.put("progressMessage", test.get("progressMessage") + message + "\n");
        try {
            Files.writeString(home.resolve("perftest/" + test.get("id") + ".json"), Json.print(test));
        } catch (IOException error) {
            throw new IllegalStateException(error.getMessage());
        }
    }

    static String name(Map<String, Object> test) {
        return (String) test.get("state");
    }

    static String text(Map<String, Object> fields, String key) {
        Object value = fields.get(key);
        return value == null ? "" : value.toString();
    }

    static long number(Map<String, Object> fields, String key, long otherwise) {
        Object value = fields.get(key);
        return value == null ? otherwise : Double.valueOf(value.toString()).longValue();
    }

    static void check(boolean right, String message) {
        if (!right) {
            throw new IllegalArgumentException(message);
        }
    }
}
