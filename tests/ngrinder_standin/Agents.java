import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** Agents that connected to the control port. */
final class Agents {
    /** One connected agent. */
    static final class Agent {
        final String ip;
        final String name;
        final String version;
        private final PrintWriter out;
        volatile boolean busy;
        private volatile long freeAt;
        private long tests;
        private long errors;
        private long timeUs;
        private long threads;
        private long responseErrors;

        Agent(Map<String, Object> message, PrintWriter out) {
            this.ip = (String) message.get("ip");
            this.name = (String) message.get("name");
            this.version = (String) message.get("version");
            this.out = out;
        }

        synchronized void add(Map<String, Object> message) {
            if (message.containsKey("tests")) {
                tests += ((Number) message.get("tests")).longValue();
                errors += ((Number) message.get("errors")).longValue();
                timeUs += ((Number) message.get("time_us")).longValue();
                responseErrors += ((Number) message.get("response_errors")).longValue();
                threads = ((Number) message.get("threads")).longValue();
            }
        }

        /** Tests, errors and time_us since the last call, the current number of threads, and response errors as tests. */
        synchronized long[] take() {
            long[] taken = {tests, errors, timeUs, threads, responseErrors};
            tests = errors = timeUs = responseErrors = 0;
            return taken;
        }

        /** Marks the agent as free from a time on, when its worker processes have ended. */
        void freeAt(long ms) {
            busy = false;
            freeAt = ms;
        }

        boolean works() {
            return busy || System.currentTimeMillis() < freeAt;
        }

        void send(Map<String, Object> order) {
            out.println(Json.print(order));
        }
    }

    private final List<Agent> all = new CopyOnWriteArrayList<>();
    private final Path approvals;
    private final boolean automatic;

    Agents(Path home, boolean automatic) {
        this.approvals = home.resolve("approved");
        this.automatic = automatic;
    }

    void listen(String address, int port) throws IOException {
        ServerSocket server = new ServerSocket(port, 50, InetAddress.getByName(address));
        Thread acceptor = new Thread(() -> {
            while (true) {
                try {
                    Socket socket = server.accept();
                    Thread reader = new Thread(() -> serve(socket));
                    reader.setDaemon(true);
                    reader.start();
                } catch (IOException error) {
                    return;
                }
            }
        });
        acceptor.setDaemon(true);
        acceptor.start();
    }

    private void serve(Socket socket) {
        Agent agent = null;
        try (socket) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            PrintWriter out = new PrintWriter(socket.getOutputStream(), true, StandardCharsets.UTF_8);
            String line;
            while ((line = in.readLine()) != null) {
                Map<String, Object> message = Json.object(line);
                if (agent == null) {
                    agent = new Agent(message, out);
                    all.add(agent);
                } else {
                    agent.add(message);
                }
            }
        } catch (IOException error) {
            System.err.println("agent lost: " + error.getMessage());
        } finally {
            all.remove(agent);
        }
    }

    List<Agent> approved() {
        List<Agent> found = new ArrayList<>();
        for (Agent agent : all) {
            if (isApproved(agent)) {
                found.add(agent);
            }
        }
        return found;
    }

    List<Agent> free() {
        List<Agent> found = approved();
        found.removeIf(Agent::works);
        return found;
    }

    boolean isThere(Agent agent) {
        return all.contains(agent);
    }

    Agent find(String ip, String name) {
        for (Agent agent : all) {
            if (agent.ip.equals(ip) && agent.name.equals(name)) {
                return agent;
            }
        }
        throw new IllegalArgumentException(ip + " - " + name + " agent does not exist");
    }

    boolean isApproved(Agent agent) {
        return automatic || Files.exists(approvals.resolve(agent.ip + "_" + agent.name));
    }

    void approve(Agent agent, boolean approved) throws IOException {
        Path file = approvals.resolve(agent.ip + "_" + agent.name);
        if (approved) {
            Files.createDirectories(approvals);
            Files.writeString(file, "");
        } else {
            Files.deleteIfExists(file);
        }
    }

    List<Object> list() {
        List<Object> listed = new ArrayList<>();
        for (Agent agent : all) {
            boolean busy = agent.works();
            String state = busy ? "BUSY" : "READY";
            listed.add(Json.of(
                "ip", agent.ip, "port", busy ? 12000 : 0, "name", agent.name, "hostName", agent.name, "region", "NONE",
                "subregion", "", "owner", "", "approved", isApproved(agent), "version", agent.version,
                "state", Json.of("name", state, "category", busy ? "PROGRESSING" : "READY", "ready", !busy, "active", true)));
        }
        return listed;
    }
}
