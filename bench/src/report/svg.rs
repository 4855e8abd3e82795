//! The figures as pictures that can be read on white and on black.

use plant_care_prove::figures::float;

use crate::rounds::{Role, Spread};

const WIDTH: f64 = 760.0;
const LABELS: f64 = 170.0;
const FIGURES: f64 = 90.0;
const BAR: f64 = 26.0;
const TOP: f64 = 44.0;
const HEIGHT: f64 = 340.0;
const BOTTOM: f64 = 52.0;
/// Colours that stand out from white and from black.
const COLOURS: [&str; 6] = ["#2f9e44", "#e8590c", "#1c7ed6", "#9c36b5", "#c2a000", "#d6336c"];
/// Text, and lines behind the figures.
const GREY: &str = "#868e96";

/// A picture.
#[derive(Clone, Debug)]
pub enum Plot {
    /// A bar for each server.
    Bars {
        /// The file's name without its ending.
        file: String,
        /// What it shows.
        title: String,
        /// The bars.
        bars: Vec<Bar>,
    },
    /// A line for each server.
    Lines {
        /// The file's name without its ending.
        file: String,
        /// What it shows.
        title: String,
        /// What goes to the right; in powers of ten where it grows by those.
        across: String,
        /// Whether it goes to the right in powers of ten.
        tenfold: bool,
        /// The lines.
        lines: Vec<Line>,
    },
}

/// A bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Whose it is.
    pub name: String,
    /// Chooses its colour.
    pub role: Role,
    /// How long it is, and from where to where it was in all rounds.
    pub spread: Spread,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose it is.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

impl Plot {
    /// What it shows.
    pub fn title(&self) -> &str {
        match self {
            Self::Bars { title, .. } | Self::Lines { title, .. } => title,
        }
    }

    /// Its file.
    pub fn file(&self) -> String {
        match self {
            Self::Bars { file, .. } | Self::Lines { file, .. } => format!("{file}.svg"),
        }
    }

    /// The picture.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        svg.text(
            12.0,
            24.0,
            "start",
            &format!("font-weight=\"bold\" fill=\"{GREY}\""),
            self.title(),
        );
        let height = match self {
            Self::Bars { bars, .. } => svg.bars(bars),
            Self::Lines {
                across,
                tenfold,
                lines,
                ..
            } => svg.lines(across, *tenfold, lines),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n{}</svg>\n",
            svg.0
        )
    }
}

/// The inside of a picture.
#[derive(Default)]
struct Svg(String);

impl Svg {
    fn add(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.0.push_str(&arguments.to_string());
        self.0.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, style: &str, text: &str) {
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{}</text>",
            escaped(text)
        ));
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), style: &str) {
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {style}/>"
        ));
    }

    /// A bar below the other, each with its figure and, as a thin line, its rounds' ends.
    fn bars(&mut self, bars: &[Bar]) -> f64 {
        let greatest = bars
            .iter()
            .map(|bar| bar.spread.max)
            .fold(f64::MIN_POSITIVE, f64::max);
        let scale = (WIDTH - LABELS - FIGURES) / greatest;
        let mut y = TOP;
        for bar in bars {
            let colour = match bar.role {
                Role::Ours => COLOURS[0],
                Role::Peer => COLOURS[2],
                // Paler than the line of the rounds' ends, which is of the same colour.
                Role::Limit => "#868e9680",
            };
            let middle = y + BAR / 2.0;
            let grey = format!("fill=\"{GREY}\"");
            self.text(LABELS - 8.0, middle + 4.0, "end", &grey, &bar.name);
            self.add(format_args!(
                "<rect x=\"{LABELS}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\" fill=\"{colour}\"/>",
                y + 3.0,
                bar.spread.median * scale,
                BAR - 6.0
            ));
            let (from, to) = (LABELS + bar.spread.min * scale, LABELS + bar.spread.max * scale);
            let thin = format!("stroke=\"{GREY}\" stroke-width=\"1.5\"");
            self.line((from, middle), (to, middle), &thin);
            for end in [from, to] {
                self.line((end, middle - 4.0), (end, middle + 4.0), &thin);
            }
            self.text(to + 8.0, middle + 4.0, "start", &grey, &figure(bar.spread.median));
            y += BAR;
        }
        y + 12.0
    }

    fn lines(&mut self, across: &str, tenfold: bool, lines: &[Line]) -> f64 {
        let along = |x: f64| if tenfold { x.log10() } else { x };
        let points = || lines.iter().flat_map(|line| &line.points);
        let ends = points().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), (x, _)| {
            (least.min(along(*x)), greatest.max(along(*x)))
        });
        let first = if tenfold { ends.0 } else { 0.0 };
        let width = (ends.1 - first).max(f64::MIN_POSITIVE);
        let greatest = points().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max);
        let (left, right, floor) = (70.0, WIDTH - LABELS, HEIGHT - BOTTOM);
        let place = |(x, y): (f64, f64)| {
            (
                left + (along(x) - first) / width * (right - left),
                floor - y / greatest * (floor - TOP),
            )
        };
        let grey = format!("fill=\"{GREY}\"");
        let thin = format!("stroke=\"{GREY}\" stroke-opacity=\"0.4\"");
        for quarter in 0..=4 {
            let value = greatest * float(quarter) / 4.0;
            let (_, y) = place((1.0, value));
            self.line((left, y), (right, y), &thin);
            self.text(left - 8.0, y + 4.0, "end", &grey, &figure(value));
        }
        let mut marks: Vec<f64> = points().map(|(x, _)| *x).collect();
        marks.sort_unstable_by(f64::total_cmp);
        marks.dedup();
        for mark in marks {
            let (x, _) = place((mark, 0.0));
            self.text(x, floor + 18.0, "middle", &grey, &count(mark));
        }
        self.text(f64::midpoint(left, right), floor + 40.0, "middle", &grey, across);
        for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<_> = line.points.iter().map(|point| place(*point)).collect();
            let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            self.add(format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            ));
            for (x, y) in &places {
                self.add(format_args!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                ));
            }
            if let Some((x, y)) = places.last() {
                let style = format!("fill=\"{colour}\"");
                self.text(x + 8.0, y + 4.0, "start", &style, &line.name);
            }
        }
        HEIGHT
    }
}

/// A figure with as many digits as are worth reading.
pub fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => count(value),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number, in groups of three digits.
pub fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut grouped = if value < 0.0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
