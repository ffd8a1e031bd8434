package meshgate.jdbc;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import org.junit.jupiter.api.Tag;

/** A check that is run with every version of the driver; the others are for the newest only. */
@Retention(RetentionPolicy.RUNTIME)
@Tag("every-driver")
@interface EveryDriver {}
