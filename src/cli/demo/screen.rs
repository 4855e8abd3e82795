//! What `demo` and `watch` print: one line for each event, coloured where there is somebody to see it.

use std::io::{self, IsTerminal as _, Write as _};

use chrono::{DateTime, Local, TimeDelta};
use serde_json::Value;

use crate::clock::Clock;
use crate::config::var;

/// The fields of an event that a line is made of.
pub(in crate::cli) const EVENT: &str = "__typename id seq occurredAt recordedAt \
    actor { displayName } plant { name } \
    ... on RequestAccepted { caretaker { displayName } } \
    ... on CareRecorded { taskKind amountMl note } \
    ... on CommentAdded { comment { body } }";

/// A way to show text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Style {
    Plain,
    Dim,
    Bold,
    Green,
    Blue,
    Magenta,
    Yellow,
}

impl Style {
    /// The parameter of the terminal's escape sequence.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Green => "32",
            Self::Blue => "34",
            Self::Magenta => "35",
            Self::Yellow => "33",
        }
    }
}

/// Standard output, as a timeline.
#[derive(Debug)]
pub(in crate::cli) struct Screen {
    colours: bool,
}

impl Screen {
    /// With colours on a terminal, unless `NO_COLOR` is set.
    pub(in crate::cli) fn new() -> Self {
        let dumb = var("TERM").as_deref() == Some("dumb");
        Self {
            colours: io::stdout().is_terminal() && var("NO_COLOR").is_none() && !dumb,
        }
    }

    /// Prints a line of its own.
    pub(in crate::cli) fn say(&self, style: Style, text: &str) -> io::Result<()> {
        print(&self.paint(style, &shown(text)))
    }

    /// Prints a headline.
    pub(in crate::cli) fn headline(&self, text: &str) -> io::Result<()> {
        print(&format!("\n{}", self.paint(Style::Bold, &shown(text))))
    }

    /// Prints a line below the others' text.
    pub(in crate::cli) fn aside(&self, style: Style, text: &str) -> io::Result<()> {
        self.say(style, &format!("{:27}{text}", ""))
    }

    /// Prints an event. `remark` says how it came: live, replayed, or after how long.
    pub(in crate::cli) fn event(&self, event: &Value, remark: &str, dimmed: bool) -> io::Result<()> {
        let (style, symbol) = look(event["__typename"].as_str().unwrap_or_default());
        let sentence = shown(&sentence(event));
        let seq = event["seq"]
            .as_i64()
            .map_or(String::new(), |seq| format!("#{seq}"));
        let when = format!("{:>12} {seq:>4} {remark:>8}", time(event));
        if dimmed {
            return self.say(Style::Dim, &format!("{when}  {symbol} {sentence}"));
        }
        print(&format!(
            "{}  {} {sentence}",
            self.paint(Style::Dim, &when),
            self.paint(style, symbol)
        ))
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colours && style != Style::Plain {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// What others wrote, without what would move the cursor or change the colours of a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// When the server stored it, by the clock on this wall.
fn time(event: &Value) -> String {
    let Some(recorded) = local(&event["recordedAt"]) else {
        return String::new();
    };
    let today = Clock::system().now().with_timezone(&Local).date_naive();
    let format = if recorded.date_naive() == today {
        "%H:%M:%S"
    } else {
        "%b %d %H:%M"
    };
    recorded.format(format).to_string()
}

fn local(time: &Value) -> Option<DateTime<Local>> {
    let time = DateTime::parse_from_rfc3339(time.as_str()?).ok()?;
    Some(time.with_timezone(&Local))
}

fn look(kind: &str) -> (Style, &'static str) {
    match kind {
        "CareRecorded" => (Style::Green, "●"),
        "CommentAdded" => (Style::Magenta, "»"),
        "CaretakerWithdrew" | "RequestCancelled" | "RequestExpired" | "RequestReopened" => {
            (Style::Yellow, "▲")
        }
        _ => (Style::Blue, "◆"),
    }
}

/// Who did what to which plant.
fn sentence(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let actor = event["actor"]["displayName"].as_str();
    let who = actor.unwrap_or("Time");
    match event["__typename"].as_str().unwrap_or_default() {
        "RequestPublished" => format!("{who} published the request"),
        "RequestAccepted" => {
            let caretaker = text(&event["caretaker"]["displayName"]);
            format!("{who} accepted {caretaker}'s offer")
        }
        "RequestCancelled" => format!("{who} cancelled the request"),
        "RequestExpired" => "Nobody was found in time: the request has expired".to_owned(),
        "RequestReopened" => "The caretaker did not come: the request is open again".to_owned(),
        "CaretakerWithdrew" => format!("{who} withdrew: the request is open again, and urgent"),
        "CareStarted" => format!("{who} started"),
        "CareEnded" if actor.is_none() => "The last day is over: the care has ended".to_owned(),
        "CareEnded" => format!("{who} ended the care"),
        "CareConfirmed" if actor.is_none() => "Three days have passed: it counts as confirmed".to_owned(),
        "CareConfirmed" => format!("{who} confirmed that all went well"),
        "EndedEarly" => format!("{who} ended the care early"),
        "CareRecorded" => {
            let done = deed(
                event["taskKind"].as_str().unwrap_or_default(),
                &text(&event["plant"]["name"]),
            );
            let amount = event["amountMl"]
                .as_i64()
                .map_or(String::new(), |ml| format!(", {ml} ml"));
            let note = event["note"]
                .as_str()
                .map_or(String::new(), |note| format!("  “{note}”"));
            format!("{who} {done}{amount}{note}{}", late(event))
        }
        "CommentAdded" => format!("{who}: “{}”", text(&event["comment"]["body"])),
        other => format!("{who}: {other}"),
    }
}

fn deed(kind: &str, plant: &str) -> String {
    match kind {
        "WATER" => format!("watered {plant}"),
        "MIST" => format!("misted {plant}"),
        "FERTILISE" => format!("fed {plant}"),
        "REPOT" => format!("repotted {plant}"),
        "PRUNE" => format!("pruned {plant}"),
        "ROTATE" => format!("turned {plant} to the light"),
        "CLEAN_LEAVES" => format!("cleaned the leaves of {plant}"),
        "PEST_CHECK" => format!("looked for pests on {plant}"),
        "TREAT" => format!("treated {plant}"),
        "MOVE" => format!("moved {plant}"),
        "WATER_CHANGE" => format!("changed the water of {plant}"),
        _ => format!("looked after {plant}"),
    }
}

/// When it was done, if it was captured offline and sent later.
fn late(event: &Value) -> String {
    match (local(&event["occurredAt"]), local(&event["recordedAt"])) {
        (Some(done), Some(stored)) if stored - done > TimeDelta::minutes(1) => {
            format!("  (done at {})", done.format("%H:%M"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_who_did_what_and_nothing_to_the_terminal() {
        let event = json!({
            "__typename": "CareRecorded", "actor": { "displayName": "Emil" }, "plant": { "name": "Fern" },
            "taskKind": "WATER", "amountMl": 200, "note": "dry\u{1b}[2J",
        });
        assert_eq!(shown(&sentence(&event)), "Emil watered Fern, 200 ml  “dry [2J”");
    }

    #[test]
    fn what_time_did_is_not_said_of_a_person() {
        let event = json!({ "__typename": "CareEnded", "actor": null });
        assert_eq!(sentence(&event), "The last day is over: the care has ended");
    }
}
