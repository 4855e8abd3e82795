use std::fs;

use serde_json::{Value, json};

use super::{Bar, Line, Plot, Report, Section, Table, Target, count, figure};
use crate::rounds::{Role, Spread};

fn bars() -> Plot {
    let bar = |name: &str, median: f64| Bar {
        name: name.to_owned(),
        role: Role::Peer,
        spread: Spread {
            median,
            min: median / 2.0,
            max: median * 1.25,
        },
    };
    Plot::Bars {
        file: "feed".to_owned(),
        title: "feed <50> & more".to_owned(),
        bars: vec![bar("ours", 400.0), bar("\"other\"", 200.0)],
    }
}

fn report() -> Report {
    let mut table = Table::new(["server", "requests/s"]);
    table.row(["ours".to_owned(), figure(12_345.6)]);
    table.row(["a|b".to_owned(), figure(0.5)]);
    Report {
        machine: vec![("cores".to_owned(), "2".to_owned())],
        sections: vec![Section {
            name: "feed".to_owned(),
            about: "A feed.".to_owned(),
            tables: vec![table],
            plots: vec![bars()],
            targets: vec![
                Target::at_least("feed: of the limit", 1.0, 1.25),
                Target::below("feed: ms", 50.0, 50.0),
            ],
            appendix: vec![("plan".to_owned(), "Index Scan\n".to_owned())],
            data: json!({ "rounds": [1, 2] }),
        }],
    }
}

/// The value of an attribute wherever it is.
fn attributes(svg: &str, element: &str, name: &str) -> Vec<f64> {
    let start = format!("{name}=\"");
    svg.lines()
        .filter(|line| line.starts_with(&format!("<{element} ")))
        .map(|line| {
            let from = line.find(&start).unwrap() + start.len();
            line[from..].split('"').next().unwrap().parse().unwrap()
        })
        .collect()
}

#[test]
fn figures_have_the_digits_that_are_worth_reading() {
    let figures = [1_234_567.8, 999.6, 123.4, 12.34, 1.234, 5.0, 0.123, 0.0].map(figure);
    assert_eq!(
        figures,
        [
            "1,234,568",
            "1,000",
            "123",
            "12.3",
            "1.23",
            "5.00",
            "0.12",
            "0.00"
        ]
    );
    assert_eq!(
        [10.0, 1_000_000.0, -1234.0].map(count),
        ["10", "1,000,000", "-1,234"]
    );
}

#[test]
fn a_table_is_aligned_and_its_cells_stay_cells() {
    let expected = "\
| server | requests/s |
| ------ | ---------: |
| ours   |     12,346 |
| a\\|b   |       0.50 |
";
    assert_eq!(report().sections[0].tables[0].markdown(), expected);
}

#[test]
fn a_target_is_met_or_missed() {
    let report = report();
    let missed: Vec<_> = report.missed().map(|target| target.figure.as_str()).collect();
    assert_eq!(missed, ["feed: ms"]);
    let targets = report.targets();
    assert!(
        targets.contains("| feed: of the limit |    ≥ 1 |     1.25 |        met |"),
        "{targets}"
    );
    assert!(targets.contains("**missed**"));
    // What could not be measured is not met.
    assert!(!Target::at_least("feed", 1.0, f64::NAN).met && !Target::below("feed", 1.0, f64::NAN).met);
}

#[test]
fn bars_are_as_long_as_their_figures_and_texts_are_escaped() {
    let svg = bars().svg();
    let widths = attributes(&svg, "rect", "width");
    assert!((widths[0] - 2.0 * widths[1]).abs() < 0.2, "{widths:?}");
    assert!(svg.contains("feed &lt;50&gt; &amp; more") && svg.contains("&quot;other&quot;"));
    // The ends of the rounds: half as far as the bar, and a quarter further.
    let (from, to) = (attributes(&svg, "line", "x1"), attributes(&svg, "line", "x2"));
    assert!((from[0] - 170.0 - widths[0] / 2.0).abs() < 0.2);
    assert!((to[0] - 170.0 - widths[0] * 1.25).abs() < 0.2);
}

#[test]
fn lines_go_up_with_their_figures_and_by_tens_where_asked() {
    let plot = |tenfold| Plot::Lines {
        file: "size".to_owned(),
        title: "size".to_owned(),
        across: "requests".to_owned(),
        tenfold,
        lines: vec![Line {
            name: "ours".to_owned(),
            points: vec![(10_000.0, 1.0), (100_000.0, 2.0), (1_000_000.0, 4.0)],
        }],
    };
    let x = attributes(&plot(true).svg(), "circle", "cx");
    assert!((x[2] - x[1] - (x[1] - x[0])).abs() < 0.3, "{x:?}");
    let y = attributes(&plot(false).svg(), "circle", "cy");
    assert!((y[0] - y[1]) * 2.0 - (y[1] - y[2]) < 0.3 && y[2] < y[1], "{y:?}");
}

#[test]
fn all_of_it_is_written() {
    let folder = std::env::temp_dir().join(format!("plant-care-bench.{}", std::process::id()));
    report().write(&folder).unwrap();
    let text = fs::read_to_string(folder.join("results.md")).unwrap();
    for part in [
        "| cores",
        "## feed",
        "A feed.",
        "![feed <50> & more](feed.svg)",
        "Index Scan",
        "**missed**",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let json: Value = serde_json::from_slice(&fs::read(folder.join("results.json")).unwrap()).unwrap();
    assert_eq!(json["workloads"]["feed"]["measured"], json!({ "rounds": [1, 2] }));
    assert_eq!(json["workloads"]["feed"]["targets"][1]["met"], json!(false));
    assert!(
        fs::read_to_string(folder.join("feed.svg"))
            .unwrap()
            .starts_with("<svg ")
    );
    fs::remove_dir_all(folder).unwrap();
}
