//! What `SECURITY.md` promises: each test, setting and file that it names is there.

use std::path::Path;

/// The page, and the repository that it is in.
const PAGE: &str = include_str!("../SECURITY.md");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What stands between backticks, line by line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn each_test_and_file_that_is_named_is_there() {
    let mut tests = 0;
    for line in PAGE.lines() {
        let mut file = None;
        for name in quoted(line) {
            if name.starts_with("tests/") || name.starts_with("src/") || name.starts_with("prove/") {
                let text = std::fs::read_to_string(Path::new(ROOT).join(name));
                file = Some((name, text.unwrap_or_else(|error| panic!("{name}: {error}"))));
            } else if name.matches('_').count() > 2
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                let (path, text) = file
                    .as_ref()
                    .unwrap_or_else(|| panic!("of which file is {name}?"));
                let found = text.contains(&format!("fn {name}()"));
                assert!(found, "{path} has no {name}");
                tests += 1;
            }
        }
    }
    assert!(tests > 20, "{tests} tests are named");
}

#[test]
fn each_setting_that_is_named_is_one() {
    let readme = include_str!("../README.md");
    let settings: Vec<&str> = PAGE
        .lines()
        .flat_map(quoted)
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && name.contains('_'))
        .filter(|name| !["EMAIL_TAKEN", "SERVER_BUSY", "_FILE", "TIMED_OUT"].contains(name))
        .collect();
    assert!(settings.len() > 15, "{settings:?}");
    for setting in settings {
        // The tests of the configuration compare README's tables with the program.
        assert!(readme.contains(&format!("| `{setting}` |")), "{setting}");
    }
}
