//! Care requests near a place.

use sea_orm::{ColumnTrait as _, Condition};

use crate::domain::values::Cell;
use crate::entity::care_request::Column;

/// How far one can look, in kilometres.
pub const RADIUS_KM_MAXIMUM: i32 = 500;

/// A degree of latitude in kilometres, on the mean sphere (radius 6,371 km).
const KM_PER_DEGREE: f64 = 111.195;
const WHOLE_TURN_E6: i32 = 360_000_000;
const HALF_TURN_E6: i32 = 180_000_000;

/// The requests in the square around a cell's middle that reaches `radius_km` each way. Cells say where a
/// request is to about a kilometre, so that a circle would promise more than is known.
pub fn condition(cell: &Cell, radius_km: i32) -> Condition {
    let degrees = f64::from(radius_km) / KM_PER_DEGREE;
    let latitude = f64::from(cell.latitude_e6) / 1e6;
    let height = millionths(degrees);
    let condition = Condition::all()
        .add(Column::LatitudeE6.between(cell.latitude_e6 - height, cell.latitude_e6 + height));
    // Meridians come together towards the poles; where the square holds one, every longitude is near.
    let widest = latitude.abs() + degrees;
    if widest >= 90.0 {
        return condition.add(Column::LongitudeE6.is_not_null());
    }
    let width = millionths(degrees / widest.to_radians().cos());
    if width >= HALF_TURN_E6 {
        return condition.add(Column::LongitudeE6.is_not_null());
    }
    let (west, east) = (cell.longitude_e6 - width, cell.longitude_e6 + width);
    let around = |longitudes: (i32, i32)| Column::LongitudeE6.between(longitudes.0, longitudes.1);
    condition.add(
        Condition::any()
            .add(around((west, east)))
            // The same square seen from the other side of the antimeridian.
            .add_option((west < -HALF_TURN_E6).then(|| around((west + WHOLE_TURN_E6, HALF_TURN_E6))))
            .add_option((east > HALF_TURN_E6).then(|| around((-HALF_TURN_E6, east - WHOLE_TURN_E6)))),
    )
}

fn millionths(degrees: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and callers stay below a turn"
    )]
    let whole = (degrees * 1e6).round() as i32;
    whole
}
