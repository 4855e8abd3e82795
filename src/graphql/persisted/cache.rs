//! Texts by their hashes, in bounded memory: those that were asked for last.

use std::sync::Arc;

use lru::LruCache;

/// What a text takes besides its letters: its hash, its place in the table and among the others, and what the allocator
/// rounds up. So that many short ones take no more than few long ones.
const BESIDES: usize = 256;

/// Texts by their hashes.
#[derive(Debug)]
pub(super) struct Cache {
    texts: LruCache<Box<str>, Arc<str>>,
    bytes: usize,
    maximum: usize,
}

impl Cache {
    /// An empty one that takes so many bytes at most.
    pub(super) fn new(maximum: usize) -> Self {
        Self {
            texts: LruCache::unbounded(),
            bytes: 0,
            maximum,
        }
    }

    /// The text of a hash, which is asked for.
    pub(super) fn find(&mut self, hash: &str) -> Option<Arc<str>> {
        self.texts.get(hash).cloned()
    }

    /// Whether there is a text of a hash.
    pub(super) fn has(&self, hash: &str) -> bool {
        self.texts.contains(hash)
    }

    /// Adds a text. Those that were not asked for longest make room; all of them are not enough for one that is larger.
    pub(super) fn insert(&mut self, hash: &str, text: &str) {
        if size(text) > self.maximum {
            return;
        }
        self.bytes += size(text);
        if let Some(before) = self.texts.put(hash.into(), text.into()) {
            self.bytes -= size(&before);
        }
        while self.bytes > self.maximum
            && let Some((_, oldest)) = self.texts.pop_lru()
        {
            self.bytes -= size(&oldest);
        }
    }
}

fn size(text: &str) -> usize {
    text.len() + BESIDES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persisted_queries_that_were_not_asked_for_longest_make_room() {
        let long = "x".repeat(1000 - BESIDES);
        let mut cache = Cache::new(3000);
        for hash in ["a", "b", "c"] {
            cache.insert(hash, &long);
        }
        assert_eq!(cache.find("a").as_deref(), Some(long.as_str()));
        // To be asked whether it is there is not to be asked for.
        assert!(cache.has("b"));
        cache.insert("d", &long);
        assert_eq!(
            ["a", "b", "c", "d"].map(|hash| cache.has(hash)),
            [true, false, true, true]
        );
        cache.insert("d", "x");
        assert_eq!(cache.bytes, 2000 + 1 + BESIDES);
        cache.insert("e", &"x".repeat(3000 - BESIDES));
        assert_eq!(
            ["a", "c", "d", "e"].map(|hash| cache.has(hash)),
            [false, false, false, true]
        );
        cache.insert("f", &"x".repeat(3001 - BESIDES));
        assert!(cache.has("e") && !cache.has("f"));
    }

    #[test]
    fn persisted_queries_are_bounded_however_short_they_are() {
        let mut cache = Cache::new(100 * BESIDES);
        for number in 0..10_000 {
            cache.insert(&number.to_string(), "");
            assert!(cache.bytes <= 100 * BESIDES && cache.texts.len() <= 100);
        }
        assert!(cache.has("9999") && cache.has("9900") && !cache.has("9899"));
    }
}
