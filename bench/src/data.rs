//! The data of the benchmark, written straight into the tables: the same rows each time, on both databases.
//!
//! Three members must have registered under the names below: they log in, all others are only rows.

use plant_care_prove::database::Database;
use plant_care_prove::failure::Result;

/// Who asks for the feed: she owns 50 requests, or as many as the size says.
pub const OWNER: &str = "Bench owner";
/// Who comments: she owns as many others.
pub const WRITER: &str = "Bench writer";
/// A member who is nobody's party: she reads the board.
pub const READER: &str = "Bench reader";
/// Members who never log in.
const MEMBERS: u64 = 4_000;
/// Places that open requests are near: name, latitude and longitude in degrees.
const PLACES: [(f64, f64); 20] = [
    (48.856, 2.352),
    (45.764, 4.835),
    (43.296, 5.370),
    (43.604, 1.444),
    (43.710, 7.262),
    (47.218, -1.553),
    (48.573, 7.752),
    (43.611, 3.877),
    (44.837, -0.579),
    (50.629, 3.057),
    (48.117, -1.678),
    (49.258, 4.032),
    (43.125, 5.930),
    (45.439, 4.387),
    (45.188, 5.725),
    (47.322, 5.041),
    (47.478, -0.563),
    (43.836, 4.360),
    (45.777, 3.087),
    (48.390, -4.486),
];
/// Cells around each place, a few hundredths of a degree apart.
const CELLS: u64 = 25;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Care requests; at least a thousand.
    pub requests: u64,
    /// Comments on each.
    pub comments: u64,
    /// How many of the requests are the owner's, and how many the writer's.
    pub owned: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            requests: 20_000,
            comments: 5,
            owned: 50,
        }
    }
}

/// The cell in whose neighbourhood the board is read.
pub fn board_cell() -> Result<String> {
    cell(0, CELLS / 2).map(|(cell, ..)| cell)
}

/// Fills a database that has the schema and the three members.
pub async fn fill(database: &Database, size: Size) -> Result<()> {
    let mut cells = Vec::new();
    for place in 0..PLACES.len() {
        for number in 0..CELLS {
            let (cell, latitude, longitude) = cell(place, number)?;
            cells.push(format!("({}, '{cell}', {latitude}, {longitude})", cells.len()));
        }
    }
    let dialect = Dialect {
        is_postgres: database.is_postgres(),
    };
    let sql = include_str!("data.sql")
        .replace(
            "{numbers}",
            &dialect.numbers(size.requests.max(MEMBERS).max(size.comments)),
        )
        .replace("{timeline}", &dialect.timeline("n.n"))
        .replace("{event}", &dialect.id("007", "n.n * 1024 + c.n"))
        .replace("{member_bytes}", &dialect.bytes("n.n"))
        .replace("{member}", &dialect.id("001", "n.n"))
        .replace("{request}", &dialect.id("002", "n.n"))
        .replace("{plant}", &dialect.id("003", "n.n * 2 + p.n"))
        .replace("{comment}", &dialect.id("004", "n.n * 1024 + c.n"))
        .replace("{offer}", &dialect.id("005", "n.n"))
        .replace("{assignment}", &dialect.id("006", "n.n"))
        .replace("{owner_member}", &dialect.id("001", "n.n % 3000 + 8"))
        .replace("{caretaker_member}", &dialect.id("001", "n.n % 7 + 1"))
        .replace("{day}", if dialect.is_postgres { "date" } else { "text" })
        .replace("{cells}", &cells.join(", "))
        .replace("{places}", &cells.len().to_string())
        .replace("{members}", &MEMBERS.to_string())
        .replace("{requests}", &size.requests.to_string())
        .replace("{comments}", &size.comments.to_string())
        .replace("{share}", &(size.requests / size.owned).to_string())
        .replace("{OWNER}", OWNER)
        .replace("{WRITER}", WRITER);
    database.execute(&sql).await.map(|_| ())
}

/// A cell near a place, with its middle in millionths of a degree.
fn cell(place: usize, number: u64) -> Result<(String, i64, i64)> {
    let (latitude, longitude) = PLACES[place];
    let step = |count: u64| f64::from(u32::try_from(count).unwrap_or_default()) * 0.02 - 0.04;
    let at = geohash::Coord {
        x: longitude + step(number % 5),
        y: latitude + step(number / 5),
    };
    let cell = geohash::encode(at, 6).map_err(|error| failure(&error))?;
    let (middle, _, _) = geohash::decode(&cell).map_err(|error| failure(&error))?;
    Ok((cell, millionths(middle.y), millionths(middle.x)))
}

fn failure(error: &geohash::GeohashError) -> plant_care_prove::failure::Failure {
    plant_care_prove::failure::Failure::new(error.to_string())
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are small")]
fn millionths(degrees: f64) -> i64 {
    (degrees * 1e6).round() as i64
}

/// What the two databases say differently.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    is_postgres: bool,
}

impl Dialect {
    /// 1, 2, 3 and so on, as a table.
    fn numbers(self, count: u64) -> String {
        if self.is_postgres {
            return format!("SELECT n FROM generate_series(0, {count}) n");
        }
        format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             SELECT n FROM numbers"
        )
    }

    /// The id of a row, in the form of UUID version 7: ids grow with the number, as those of a server grow with time.
    fn id(self, kind: &str, number: &str) -> String {
        if self.is_postgres {
            return format!(
                "('019' || lpad(to_hex({number}), 9, '0') || '7{kind}8000' || lpad(to_hex({number}), 12, '0'))::uuid"
            );
        }
        format!("unhex(printf('019%09x7{kind}8000%012x', {number}, {number}))")
    }

    /// The name of a request's timeline.
    fn timeline(self, number: &str) -> String {
        let id = self.id("002", number);
        if self.is_postgres {
            return format!("'care:' || {id}::text");
        }
        let parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)];
        let parts = parts.map(|(first, length)| format!("substr(lower(hex({id})), {first}, {length})"));
        format!("'care:' || {}", parts.join(" || '-' || "))
    }

    /// Bytes that differ.
    fn bytes(self, number: &str) -> String {
        if self.is_postgres {
            return format!("decode(lpad(to_hex({number}), 64, '0'), 'hex')");
        }
        format!("unhex(printf('%064x', {number}))")
    }
}
