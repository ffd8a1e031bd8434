package meshgate.postgres;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** The PostgreSQL front the checks ask: system properties say where it is. */
final class Front {
    static final int PORT = Integer.getInteger("gateway.port");
    static final int TLS_PORT = Integer.getInteger("gateway.tlsPort");
    static final String TOKEN = System.getProperty("gateway.token");
    static final String AUTHORITY = System.getProperty("gateway.authority");
    static final String STRANGER = System.getProperty("gateway.stranger");
    static final String[] ALICE = {"alice", "wonderland"};
    static final String[] BOB = {"bob", "builder"};

    private Front() {}

    static String url(int port, String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
    }

    /** A connection of Alice; more of the driver's properties come as name, value, name, value. */
    static Connection connect(String... properties) throws SQLException {
        return connectAs(ALICE, properties);
    }

    static Connection connectAs(String[] user, String... properties) throws SQLException {
        return connectTo(url(PORT, "mesh"), user, properties);
    }

    static Connection connectTo(String url, String[] user, String... properties)
            throws SQLException {
        Properties all = new Properties();
        all.setProperty("user", user[0]);
        all.setProperty("password", user[1]);
        for (int i = 0; i < properties.length; i += 2) {
            all.setProperty(properties[i], properties[i + 1]);
        }
        return DriverManager.getConnection(url, all);
    }

    /** The rows as text, values joined by "|"; NULL is "null". */
    static List<String> rows(ResultSet result, String... columns) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (result) {
            while (result.next()) {
                List<String> values = new ArrayList<>();
                if (columns.length == 0) {
                    for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                        values.add(result.getString(i));
                    }
                }
                for (String column : columns) {
                    values.add(result.getString(column));
                }
                rows.add(String.join("|", values.stream().map(String::valueOf).toList()));
            }
        }
        return rows;
    }

    static List<String> rows(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return rows(statement.executeQuery(sql));
        }
    }
}
