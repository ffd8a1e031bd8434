package meshgate.jdbc;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;

/** The column of docs/clients/features.md that a check measures. */
@Retention(RetentionPolicy.RUNTIME)
public @interface Feature {
    String value();
}
