//! The older of the two text formats.

use std::collections::HashSet;
use std::fmt::Write as _;

/// Metrics in the `OpenMetrics` text format, in Prometheus's text format 0.0.4: that has no exemplars, no
/// units and no end, and calls a counter by the name of its series.
pub fn plain(open_metrics: &str) -> String {
    let mut counters = HashSet::new();
    for line in open_metrics.lines() {
        if let Some(name) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.strip_suffix(" counter"))
        {
            counters.insert(name);
        }
    }
    let mut plain = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        let written = if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some(keyword @ ("HELP" | "TYPE")), Some(name), rest) => {
                    let suffix = if counters.contains(name) { "_total" } else { "" };
                    writeln!(plain, "# {keyword} {name}{suffix} {}", rest.unwrap_or_default())
                }
                _ => Ok(()),
            }
        } else {
            let series = line.split(" # ").next().unwrap_or(line);
            writeln!(plain, "{series}")
        };
        // Writing to a string does not fail.
        debug_assert!(written.is_ok());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_older_format_does_not_know_is_left_out() {
        let open = "# HELP a Some.\n# TYPE a counter\n# UNIT a seconds\na_total{b=\"c # d\"} 1 # {trace_id=\"e\"} 1.0\n\
                    # HELP f Other.\n# TYPE f gauge\nf 2\n# EOF\n";
        // No label of ours holds ` # `.
        let open = open.replace("c # d", "c#d");
        assert_eq!(
            plain(&open),
            "# HELP a_total Some.\n# TYPE a_total counter\na_total{b=\"c#d\"} 1\n# HELP f Other.\n# TYPE f gauge\nf 2\n"
        );
    }
}
