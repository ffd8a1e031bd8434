package meshgate.postgres;

import static meshgate.postgres.Front.connect;
import static meshgate.postgres.Front.connectAs;
import static meshgate.postgres.Front.connectTo;
import static meshgate.postgres.Front.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Types;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import meshgate.jdbc.Feature;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What DatabaseMetaData says of the gateway: every method is called. */
class MetadataTest {
    /** Methods the driver has not written: no server is asked. */
    private static final Set<String> UNWRITTEN =
            Set.of(
                    "getAttributes",
                    "getPseudoColumns",
                    "getRowIdLifetime",
                    "getSuperTables",
                    "getSuperTypes");

    private static final String SCHEMA = "sales.keyed";

    private Connection connection;
    private DatabaseMetaData metadata;

    @BeforeEach
    void open() throws SQLException {
        connection = connect();
        metadata = connection.getMetaData();
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
    }

    @Feature("catalogue")
    @Test
    void everyMethodAnswers() throws Exception {
        Map<String, String> failures = new TreeMap<>();
        Set<String> unwritten = new TreeSet<>();
        for (Method method : DatabaseMetaData.class.getMethods()) {
            try {
                if (method.invoke(metadata, arguments(method)) instanceof ResultSet result) {
                    rows(result);
                }
            } catch (InvocationTargetException error) {
                if (error.getCause() instanceof SQLFeatureNotSupportedException) {
                    unwritten.add(method.getName());
                } else {
                    failures.put(method.getName(), error.getCause().toString());
                }
            }
        }
        assertEquals(Map.of(), failures);
        assertEquals(new TreeSet<>(UNWRITTEN), unwritten);
    }

    /** What somebody would ask who looks at everything. */
    private static Object[] arguments(Method method) {
        Class<?>[] types = method.getParameterTypes();
        Object[] values = new Object[types.length];
        for (int i = 0; i < types.length; i++) {
            if (types[i] == int.class) {
                values[i] =
                        switch (method.getName()) {
                            case "supportsTransactionIsolationLevel" ->
                                    Connection.TRANSACTION_SERIALIZABLE;
                            case "supportsResultSetHoldability" ->
                                    ResultSet.CLOSE_CURSORS_AT_COMMIT;
                            case "getBestRowIdentifier" -> DatabaseMetaData.bestRowSession;
                            case "supportsConvert" -> Types.INTEGER;
                            default -> ResultSet.TYPE_FORWARD_ONLY;
                        };
            } else if (types[i] == boolean.class) {
                values[i] = true;
            } else if (types[i] == Class.class) {
                values[i] = DatabaseMetaData.class;
            }
        }
        return values;
    }

    @Test
    void theProduct() throws SQLException {
        assertEquals("PostgreSQL", metadata.getDatabaseProductName());
        assertEquals("15.0", metadata.getDatabaseProductVersion());
        assertEquals("alice", metadata.getUserName());
        assertTrue(metadata.supportsTransactions());
        assertTrue(List.of(metadata.getSQLKeywords().split(",")).contains("analyze"));
        assertEquals(63, metadata.getMaxTableNameLength());
    }

    @Feature("catalogue")
    @Test
    void schemasAndTables() throws SQLException {
        assertEquals(List.of("hr", "mesh", "sales"), rows(metadata.getCatalogs()));
        List<String> schemas = rows(metadata.getSchemas(), "TABLE_SCHEM");
        assertTrue(schemas.containsAll(List.of("hr.staff", "sales.shop")), schemas::toString);
        String[] tables = {"TABLE"};
        assertEquals(
                List.of("sales.shop|many|TABLE", "sales.shop|million|TABLE", "sales.shop|orders|TABLE"),
                rows(
                        metadata.getTables(null, "sales.shop", "%", tables),
                        "TABLE_SCHEM",
                        "TABLE_NAME",
                        "TABLE_TYPE"));
        assertEquals(
                List.of("items"), rows(metadata.getTables("mesh", "%", "item_", tables), "TABLE_NAME"));
        assertTrue(rows(metadata.getTableTypes()).contains("VIEW"));
        try (Connection bob = connectAs(Front.BOB)) {
            DatabaseMetaData his = bob.getMetaData();
            assertEquals(List.of(), rows(his.getTables(null, null, "people", null)));
            assertEquals(List.of(), rows(his.getColumns(null, null, null, "salary")));
            assertEquals(List.of("mesh", "sales"), rows(his.getCatalogs()));
        }
        try (Connection sales = connectTo(Front.url(Front.PORT, "sales"), Front.ALICE)) {
            DatabaseMetaData its = sales.getMetaData();
            assertEquals(
                    List.of("keyed|items", "keyed|lines"),
                    rows(its.getTables(null, "keyed", null, tables), "TABLE_SCHEM", "TABLE_NAME"));
        }
    }

    @Feature("catalogue")
    @Test
    void columns() throws SQLException {
        assertEquals(
                List.of(
                        "id|-5|int8|19|0|YES|1",
                        "customer|12|text|2147483647|0|YES|2",
                        "amount|2|numeric|12|2|YES|3"),
                rows(
                        metadata.getColumns(null, "sales.shop", "orders", null),
                        "COLUMN_NAME",
                        "DATA_TYPE",
                        "TYPE_NAME",
                        "COLUMN_SIZE",
                        "DECIMAL_DIGITS",
                        "IS_NULLABLE",
                        "ORDINAL_POSITION"));
        assertEquals(
                List.of("k_instant|93|timestamptz", "k_list|2003|_int4", "k_struct|1111|json"),
                rows(
                                metadata.getColumns(null, "sales.types", "kinds", "%"),
                                "COLUMN_NAME",
                                "DATA_TYPE",
                                "TYPE_NAME")
                        .stream()
                        .filter(row -> row.matches("k_(instant|list|struct).*"))
                        .toList());
    }

    @Feature("catalogue")
    @Test
    void keys() throws SQLException {
        assertEquals(
                List.of("items|id|1|items_pkey"),
                rows(
                        metadata.getPrimaryKeys(null, SCHEMA, "items"),
                        "TABLE_NAME",
                        "COLUMN_NAME",
                        "KEY_SEQ",
                        "PK_NAME"));
        String[] columns = {"PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_NAME", "FKCOLUMN_NAME"};
        List<String> keys = List.of("items|id|lines|item");
        assertEquals(keys, rows(metadata.getImportedKeys(null, SCHEMA, "lines"), columns));
        assertEquals(keys, rows(metadata.getExportedKeys(null, SCHEMA, "items"), columns));
        assertEquals(
                keys,
                rows(
                        metadata.getCrossReference(null, SCHEMA, "items", null, SCHEMA, "lines"),
                        columns));
        assertEquals(List.of(), rows(metadata.getImportedKeys(null, SCHEMA, "items")));
        assertEquals(
                List.of("items_pkey|id|f"),
                rows(
                        metadata.getIndexInfo(null, SCHEMA, "items", true, true),
                        "INDEX_NAME",
                        "COLUMN_NAME",
                        "NON_UNIQUE"));
        assertEquals(
                List.of("id"),
                rows(
                        metadata.getBestRowIdentifier(
                                null, SCHEMA, "items", DatabaseMetaData.bestRowSession, false),
                        "COLUMN_NAME"));
    }

    @Test
    void nobodyMayWrite() throws SQLException {
        String[] columns = {"GRANTEE", "PRIVILEGE", "IS_GRANTABLE"};
        List<String> reading = List.of("alice|SELECT|NO");
        assertEquals(reading, rows(metadata.getTablePrivileges(null, SCHEMA, "items"), columns));
    }

    @Test
    void types() throws SQLException {
        List<String> types = rows(metadata.getTypeInfo(), "TYPE_NAME", "DATA_TYPE");
        assertTrue(
                types.containsAll(
                        List.of("int8|-5", "numeric|2", "text|12", "bytea|-2", "timestamptz|93")),
                types::toString);
        assertEquals(List.of(), rows(metadata.getUDTs(null, null, null, null)));
        assertFalse(metadata.supportsConvert());
    }
}
