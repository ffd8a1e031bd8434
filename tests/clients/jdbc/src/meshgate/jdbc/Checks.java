package meshgate.jdbc;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import com.google.gson.JsonObject;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs the checks of a package, or those of the tags given, and prints a line of JSON for each. */
public final class Checks {
    private Checks() {}

    public static void main(String[] arguments) {
        PrintStream lines = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        var request =
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(selectPackage(arguments[0]));
        if (arguments.length > 1) {
            String[] tags = Arrays.copyOfRange(arguments, 1, arguments.length);
            request.filters(TagFilter.includeTags(tags));
        }
        LauncherDiscoveryRequest built = request.build();
        LauncherFactory.create().execute(built, new Lines(lines, new HashMap<>()));
        System.exit(0); // the driver may have left threads behind
    }

    private record Lines(PrintStream lines, Map<String, Long> begun) implements TestExecutionListener {
        @Override
        public void executionStarted(TestIdentifier test) {
            begun.put(test.getUniqueId(), System.nanoTime());
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            JsonObject line = new JsonObject();
            if (test.getSource().orElse(null) instanceof MethodSource method) {
                String owner = method.getJavaClass().getSimpleName();
                line.addProperty("check", owner + "." + method.getMethodName());
            } else if (result.getThrowable().isPresent()) {
                line.addProperty("check", test.getDisplayName());
            } else {
                return;
            }
            long took = System.nanoTime() - begun.get(test.getUniqueId());
            line.addProperty("seconds", took / 1e9);
            result.getThrowable().ifPresent(error -> line.addProperty("failure", trace(error)));
            lines.println(line);
        }

        private static String trace(Throwable error) {
            StringWriter text = new StringWriter();
            error.printStackTrace(new PrintWriter(text));
            return text.toString();
        }
    }
}
