//! The language a client asks for.

use axum::http::{HeaderMap, header};

use crate::entity::user::Locale;

/// The first of our languages in `Accept-Language`, by its weights (RFC 9110, section 12.5.4).
pub fn accepted(headers: &HeaderMap) -> Locale {
    let Some(wanted) = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
    else {
        return Locale::default();
    };
    let ours = wanted.split(',').filter_map(|range| {
        let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
        let weight: f32 = weight.trim().parse().unwrap_or(0.0);
        let locale = match tag.trim().split('-').next()?.to_ascii_lowercase().as_str() {
            "fr" => Locale::Fr,
            "en" | "*" => Locale::En,
            _ => return None,
        };
        (weight > 0.0).then_some((locale, weight))
    });
    // Of equal weights the first counts.
    let best = ours.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or_else(Locale::default, |(locale, _)| locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_of_our_languages_wins() {
        let accepted = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
            accepted(&headers)
        };
        assert_eq!(accepted("fr-CH, fr;q=0.9, en;q=0.8"), Locale::Fr);
        assert_eq!(accepted("de, en;q=0.5, fr;q=0.7"), Locale::Fr);
        assert_eq!(accepted("en, fr"), Locale::En);
        assert_eq!(accepted("de"), Locale::En);
        assert_eq!(accepted("fr;q=0"), Locale::En);
        assert_eq!(super::accepted(&HeaderMap::new()), Locale::En);
    }
}
