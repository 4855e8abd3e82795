//! The figures of rounds, to be read.

use plant_care_prove::figures::float;

use super::round::{Followed, Round};
use crate::report::{Bar, Plot, Table, count, figure};
use crate::rounds::Role;

/// Plant Care's figures.
pub fn ours(all: &[Followed]) -> Option<&Followed> {
    all.iter().find(|followed| followed.role == Role::Ours)
}

/// The limit's.
pub fn limit(all: &[Followed]) -> Option<&Followed> {
    all.iter().find(|followed| followed.role == Role::Limit)
}

/// A row for each server; its first column is called so.
pub fn table(first: &str, all: &[Followed]) -> Table {
    let mut table = Table::new([
        first,
        "offered",
        "delivered %",
        "p50 ms",
        "p99 ms",
        "max ms",
        "p99 ms since recorded",
        "server s",
        "µs each",
        "a processor s",
        "of raw",
        "Postgres s",
        "client s",
        "RSS MiB",
    ]);
    let limit = limit(all);
    for followed in all {
        let seconds = |seconds: fn(&Round) -> f64| figure(followed.spread(seconds).median);
        let is_ours = followed.role == Role::Ours;
        let offered: u64 = followed.rounds.iter().map(|round| round.offered).sum();
        let delivered: u64 = followed.rounds.iter().map(|round| round.delivered).sum();
        // Rounds that failed altogether.
        if delivered == 0 {
            let nothing = [followed.name.clone(), "–".to_owned(), "0".to_owned()];
            table.row(nothing);
            continue;
        }
        let share = float(delivered) * 100.0 / float(offered.max(1));
        let peak = followed.rounds.iter().map(|round| round.peak_kib).max();
        table.row([
            followed.name.clone(),
            count(float(offered)),
            format!("{share:.1}"),
            figure(followed.wait(50)),
            figure(followed.wait(99)),
            figure(followed.wait(100)),
            if_so(is_ours, figure(followed.since_recorded())),
            seconds(|round| round.spent.server),
            seconds(Round::micros),
            count(followed.spread(Round::per_second).median),
            limit.map_or_else(String::new, |limit| format!("{:.2}", followed.ratio(limit))),
            if_so(is_ours, seconds(|round| round.spent.postgres)),
            seconds(|round| round.spent.generator),
            figure(float(peak.unwrap_or_default()) / 1024.0),
        ]);
    }
    table
}

/// What went wrong with peers, in a sentence each.
pub fn troubles(all: &[Followed]) -> String {
    let told = all.iter().filter_map(|followed| {
        let trouble = followed.rounds.iter().find_map(|round| round.trouble.as_ref())?;
        Some(format!(" {} did not keep up: {trouble}.", followed.name))
    });
    told.collect()
}

/// A bar for each server: deliveries for each of its processor seconds.
pub fn plot(file: &str, title: &str, all: &[Followed]) -> Plot {
    let bars = all.iter().map(|followed| Bar {
        name: followed.name.clone(),
        role: followed.role,
        spread: followed.spread(Round::per_second),
    });
    Plot::Bars {
        file: file.to_owned(),
        title: format!("{title}: deliveries for each processor second of the server"),
        bars: bars.collect(),
    }
}

fn if_so(holds: bool, cell: String) -> String {
    if holds { cell } else { String::new() }
}

#[cfg(test)]
mod tests {
    use plant_care_prove::figures::Latencies;

    use super::*;
    use crate::usage::Spent;

    fn followed(name: &str, role: Role, delivered: u64) -> Followed {
        let round = Round {
            offered: 1000,
            delivered,
            latencies: Latencies::new(vec![1500; 10]),
            spent: Spent {
                server: 0.5,
                ..Spent::default()
            },
            trouble: (delivered < 990).then(|| "too slow".to_owned()),
            ..Round::default()
        };
        Followed {
            name: name.to_owned(),
            role,
            rounds: vec![round],
        }
    }

    #[test]
    fn a_peer_that_does_not_keep_up_has_a_row_and_is_told() {
        let all = [
            followed("ours", Role::Ours, 1000),
            followed("slow", Role::Peer, 500),
            followed("gone", Role::Peer, 0),
            followed("raw", Role::Limit, 1000),
        ];
        let table = table("server", &all);
        assert_eq!(table.rows[0][..4], ["ours", "1,000", "100.0", "1.50"]);
        assert_eq!(table.rows[1][2], "50.0");
        assert_eq!((&*table.rows[0][10], &*table.rows[1][10]), ("1.00", "0.50"));
        assert_eq!(table.rows[2], ["gone", "–", "0"]);
        assert_eq!(
            troubles(&all),
            " slow did not keep up: too slow. gone did not keep up: too slow."
        );
    }
}
