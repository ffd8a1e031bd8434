package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What DatabaseMetaData says of the gateway: every method is called. */
class MetadataTest {
    /** Methods that Avatica, on which the driver is built, has not written: no server is asked. */
    private static final Set<String> UNWRITTEN =
            Set.of(
                    "ownUpdatesAreVisible",
                    "ownDeletesAreVisible",
                    "ownInsertsAreVisible",
                    "othersUpdatesAreVisible",
                    "othersDeletesAreVisible",
                    "othersInsertsAreVisible",
                    "updatesAreDetected",
                    "deletesAreDetected",
                    "insertsAreDetected",
                    "supportsResultSetHoldability");

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

    @EveryDriver
    @Feature("catalogue")
    @Test
    void everyMethodAnswers() throws Exception {
        Map<String, String> failures = new TreeMap<>();
        Set<String> unwritten = new TreeSet<>();
        for (Method method : DatabaseMetaData.class.getMethods()) {
            try {
                Object answer = method.invoke(metadata, arguments(method));
                if (answer instanceof ResultSet result) {
                    int columns = Gateway.rows(result).size();
                    assertTrue(columns >= 0);
                }
            } catch (InvocationTargetException error) {
                Throwable cause = error.getCause();
                if (String.valueOf(cause.getMessage()).startsWith("todo: implement")) {
                    unwritten.add(method.getName());
                } else {
                    failures.put(method.getName(), cause.toString());
                }
            }
        }
        assertEquals(Map.of(), failures);
        assertEquals(new TreeSet<>(UNWRITTEN), unwritten);
    }

    /** What somebody would ask who looks at the customers: names where names are wanted. */
    private static Object[] arguments(Method method) {
        Class<?>[] types = method.getParameterTypes();
        Object[] values = new Object[types.length];
        String name = method.getName();
        boolean names = name.matches("get(PrimaryKeys|ImportedKeys|ExportedKeys|CrossReference|IndexInfo|.*Columns|.*Privileges|BestRow.*)");
        String[] address = {"shop", "crm", "customers"};
        for (int i = 0; i < types.length; i++) {
            if (types[i] == String.class) {
                values[i] = names && !name.equals("getColumns") ? address[i % 3] : null;
            } else if (types[i] == int.class) {
                values[i] = integer(name, i);
            } else if (types[i] == boolean.class) {
                values[i] = true;
            } else if (types[i] == Class.class) {
                values[i] = DatabaseMetaData.class;
            }
        }
        return values;
    }

    private static int integer(String name, int index) {
        return switch (name) {
            case "supportsConvert" -> index == 0 ? Types.INTEGER : Types.VARCHAR;
            case "supportsTransactionIsolationLevel" -> Connection.TRANSACTION_NONE;
            case "supportsResultSetConcurrency" ->
                    index == 0 ? ResultSet.TYPE_FORWARD_ONLY : ResultSet.CONCUR_READ_ONLY;
            case "supportsResultSetHoldability" -> ResultSet.CLOSE_CURSORS_AT_COMMIT;
            case "getBestRowIdentifier" -> DatabaseMetaData.bestRowSession;
            default -> ResultSet.TYPE_FORWARD_ONLY;
        };
    }

    @EveryDriver
    @Test
    void theProduct() throws SQLException {
        assertEquals("Meshgate", metadata.getDatabaseProductName());
        assertTrue(metadata.getDatabaseProductVersion().matches("\\d+\\.\\d+.*"));
        assertEquals("ana", metadata.getUserName());
        assertTrue(metadata.getURL().startsWith("jdbc:arrow-flight-sql://localhost:"));
        assertTrue(metadata.isReadOnly());
        assertEquals(metadata, metadata.unwrap(DatabaseMetaData.class));
    }

    @Test
    void names() throws SQLException {
        assertAll(
                () -> assertEquals("\"", metadata.getIdentifierQuoteString()),
                () -> assertEquals(".", metadata.getCatalogSeparator()),
                () -> assertTrue(metadata.isCatalogAtStart()),
                () -> assertEquals("domain", metadata.getCatalogTerm()),
                () -> assertEquals("product", metadata.getSchemaTerm()),
                () -> assertEquals("\\", metadata.getSearchStringEscape()),
                () -> assertEquals("", metadata.getExtraNameCharacters()),
                () -> assertTrue(metadata.supportsCatalogsInDataManipulation()),
                () -> assertTrue(metadata.supportsSchemasInDataManipulation()),
                () -> assertTrue(metadata.supportsMixedCaseQuotedIdentifiers()));
    }

    @Test
    void sql() throws SQLException {
        assertAll(
                () -> assertTrue(metadata.supportsColumnAliasing()),
                () -> assertTrue(metadata.supportsTableCorrelationNames()),
                () -> assertTrue(metadata.supportsExpressionsInOrderBy()),
                () -> assertTrue(metadata.supportsOrderByUnrelated()),
                () -> assertTrue(metadata.supportsGroupBy()),
                () -> assertTrue(metadata.supportsGroupByUnrelated()),
                () -> assertFalse(metadata.supportsLikeEscapeClause()),
                () -> assertTrue(metadata.supportsMinimumSQLGrammar()),
                () -> assertTrue(metadata.supportsCoreSQLGrammar()),
                () -> assertTrue(metadata.supportsANSI92EntryLevelSQL()),
                () -> assertTrue(metadata.supportsOuterJoins()),
                () -> assertTrue(metadata.supportsLimitedOuterJoins()),
                () -> assertTrue(metadata.supportsFullOuterJoins()),
                () -> assertTrue(metadata.supportsSubqueriesInComparisons()),
                () -> assertTrue(metadata.supportsSubqueriesInExists()),
                () -> assertTrue(metadata.supportsSubqueriesInIns()),
                () -> assertTrue(metadata.supportsCorrelatedSubqueries()),
                () -> assertTrue(metadata.supportsUnion()),
                () -> assertTrue(metadata.supportsUnionAll()),
                () -> assertTrue(metadata.nullPlusNonNullIsNull()),
                () -> assertEquals(1 << 20, metadata.getMaxStatementLength()),
                () -> assertFalse(metadata.supportsSelectForUpdate()),
                () -> assertFalse(metadata.supportsStoredProcedures()),
                () -> assertFalse(metadata.supportsPositionedUpdate()));
    }

    @Test
    void functions() throws SQLException {
        assertTrue(listed(metadata.getNumericFunctions()).containsAll(Set.of("ABS", "ROUND")));
        assertTrue(listed(metadata.getStringFunctions()).containsAll(Set.of("LOWER", "SUBSTRING")));
        assertTrue(listed(metadata.getTimeDateFunctions()).contains("DATE_TRUNC"));
        assertTrue(listed(metadata.getSystemFunctions()).contains("COALESCE"));
        assertTrue(listed(metadata.getSQLKeywords()).contains("LIMIT"));
    }

    private static Set<String> listed(String names) {
        return Set.of(names.split(", ?"));
    }

    @Test
    void conversions() throws SQLException {
        assertTrue(metadata.supportsConvert());
        assertTrue(metadata.supportsConvert(Types.INTEGER, Types.VARCHAR));
        assertTrue(metadata.supportsConvert(Types.VARCHAR, Types.DATE));
        assertFalse(metadata.supportsConvert(Types.DATE, Types.INTEGER));
    }

    @EveryDriver
    @Test
    void transactions() throws SQLException {
        assertFalse(metadata.supportsTransactions());
        assertEquals(Connection.TRANSACTION_NONE, metadata.getDefaultTransactionIsolation());
        assertTrue(metadata.supportsTransactionIsolationLevel(Connection.TRANSACTION_NONE));
        assertFalse(metadata.supportsTransactionIsolationLevel(Connection.TRANSACTION_SERIALIZABLE));
        assertFalse(metadata.supportsSavepoints());
        assertFalse(metadata.supportsBatchUpdates());
    }

    @Test
    void kindsOfResults() throws SQLException {
        assertTrue(metadata.supportsResultSetType(ResultSet.TYPE_FORWARD_ONLY));
        assertFalse(metadata.supportsResultSetType(ResultSet.TYPE_SCROLL_SENSITIVE));
        assertThrows(SQLException.class, () -> metadata.supportsResultSetType(-1));
    }
}
