package meshgate.jdbc;

import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Asks for one row by its key, over many connections at once, as often as it is told.
 *
 * <p>Every line of stdin is a number of queries to make in all. Every line of stdout says what they
 * took: latencies in milliseconds, one for each query, and the seconds for all.
 */
public final class Points {
    private final String[] arguments;
    private final boolean prepared;
    private final long keys;
    private final List<Connection> connections = new ArrayList<>();
    private final List<PreparedStatement> statements = new ArrayList<>();

    private Points(String url, String mode, String sql, String keys) {
        this.arguments = new String[] {url, sql};
        this.prepared = mode.equals("prepared");
        this.keys = Long.parseLong(keys);
    }

    /** URL, prepared or literal, SQL with one "?", number of keys (from 1), connections. */
    public static void main(String[] args) {
        PrintStream lines = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        int code = 1;
        try {
            serve(args, lines);
            code = 0;
        } catch (Exception error) {
            error.printStackTrace();
        }
        System.exit(code); // the driver leaves threads behind
    }

    private static void serve(String[] args, PrintStream lines) throws Exception {
        Points points = new Points(args[0], args[1], args[2], args[3]);
        points.open(Integer.parseInt(args[4]));
        lines.println("ready");
        BufferedReader orders =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            lines.println(points.run(Integer.parseInt(line.strip())));
        }
    }

    private void open(int count) throws SQLException {
        for (int i = 0; i < count; i++) {
            Connection connection = DriverManager.getConnection(arguments[0]);
            connections.add(connection);
            statements.add(prepared ? connection.prepareStatement(arguments[1]) : null);
        }
    }

    private JsonObject run(int queries) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(connections.size());
        List<Future<double[]>> parts = new ArrayList<>();
        long begun = System.nanoTime();
        int share = queries / connections.size();
        for (int i = 0; i < connections.size(); i++) {
            int number = i;
            parts.add(threads.submit(() -> ask(number, share)));
        }
        List<Double> latencies = new ArrayList<>();
        for (Future<double[]> part : parts) {
            Arrays.stream(part.get()).forEach(latencies::add);
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        threads.shutdown();
        latencies.sort(null);
        JsonObject line = new JsonObject();
        line.addProperty("queries", latencies.size());
        line.addProperty("seconds", seconds);
        line.addProperty("p50", latencies.get(latencies.size() / 2));
        line.addProperty("p99", latencies.get(latencies.size() * 99 / 100));
        return line;
    }

    private double[] ask(int number, int queries) throws SQLException, IOException {
        double[] latencies = new double[queries];
        SplittableRandom random = new SplittableRandom(number);
        for (int i = 0; i < queries; i++) {
            long key = 1 + random.nextLong(keys);
            long begun = System.nanoTime();
            if (prepared) {
                PreparedStatement statement = statements.get(number);
                statement.setLong(1, key);
                one(statement.executeQuery(), key);
            } else {
                try (Statement statement = connections.get(number).createStatement()) {
                    String sql = arguments[1].replace("?", Long.toString(key));
                    one(statement.executeQuery(sql), key);
                }
            }
            latencies[i] = (System.nanoTime() - begun) / 1e6;
        }
        return latencies;
    }

    /** The answer has to be the row that was asked for. */
    private static void one(ResultSet result, long key) throws SQLException, IOException {
        try (result) {
            if (!result.next() || result.getLong(1) != key || result.next()) {
                throw new IOException("not the one row of key " + key);
            }
        }
    }
}
