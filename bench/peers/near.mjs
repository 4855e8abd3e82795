// What is near a place, as Plant Care sees it: a square around a cell's middle.

const DIGITS = '0123456789bcdefghjkmnpqrstuvwxyz';
const KM_PER_DEGREE = 111.195;
const WHOLE_TURN_E6 = 360_000_000;
const HALF_TURN_E6 = 180_000_000;

const millionths = (degrees) => Math.round(degrees * 1e6);

/** A geohash's middle, in millionths of a degree. */
function middle(cell) {
  const ranges = [[-180, 180], [-90, 90]];
  let bits = 0;
  for (const letter of cell.trim().toLowerCase()) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) throw new Error('near.cell: not a geohash');
    for (let bit = 4; bit >= 0; bit -= 1, bits += 1) {
      const range = ranges[bits % 2];
      range[(digit >> bit) & 1 ? 0 : 1] = (range[0] + range[1]) / 2;
    }
  }
  if (bits !== 30) throw new Error('near.cell: not six characters');
  const [longitude, latitude] = ranges.map(([low, high]) => millionths((low + high) / 2));
  return { latitude, longitude };
}

/** The latitudes of the square, and its longitudes: two ranges where it lies over the antimeridian. */
export function square({ cell, radiusKm }) {
  if (radiusKm < 1 || radiusKm > 500) throw new Error('near.radiusKm: 1 to 500');
  const { latitude, longitude } = middle(cell);
  const degrees = radiusKm / KM_PER_DEGREE;
  const height = millionths(degrees);
  const latitudes = [latitude - height, latitude + height];
  const widest = Math.abs(latitude / 1e6) + degrees;
  const width = widest < 90 ? millionths(degrees / Math.cos((widest * Math.PI) / 180)) : HALF_TURN_E6;
  if (width >= HALF_TURN_E6) return { latitudes, longitudes: [[-HALF_TURN_E6, HALF_TURN_E6]] };
  const [west, east] = [longitude - width, longitude + width];
  const longitudes = [[west, east]];
  if (west < -HALF_TURN_E6) longitudes.push([west + WHOLE_TURN_E6, HALF_TURN_E6]);
  if (east > HALF_TURN_E6) longitudes.push([-HALF_TURN_E6, east - WHOLE_TURN_E6]);
  return { latitudes, longitudes };
}
