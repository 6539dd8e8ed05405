//! Calls to sipp's ready customers; skipped loudly when sipp or the test data are missing.
