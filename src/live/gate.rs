//! Who may read what of a stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::future::BoxFuture;
use sea_orm::DbErr;

use super::control::Control;
use crate::entity::UserId;

/// The version of a grant that counts for nothing; those of streams begin with 0.
const EXPIRED: i64 = -1;

/// Which entries of a stream a reader may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// All, and those to come.
    All,
    /// Those from the first to the second number of each pair, both included, and no others.
    Only(Vec<(i64, i64)>),
}

impl Access {
    /// Whether entry `seq` may be read.
    pub fn allows(&self, seq: i64) -> bool {
        match self {
            Self::All => true,
            Self::Only(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&seq)),
        }
    }

    /// Whether anything may be read at all.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(ranges) if ranges.is_empty())
    }

    /// The ranges it is restricted to, if it is.
    pub fn ranges(&self) -> Option<&[(i64, i64)]> {
        match self {
            Self::All => None,
            Self::Only(ranges) => Some(ranges),
        }
    }

    /// Whether nothing from `seq` on may be read.
    pub fn ends_before(&self, seq: i64) -> bool {
        match self {
            Self::All => false,
            Self::Only(ranges) => ranges.iter().all(|(_, to)| *to < seq),
        }
    }
}

/// Answers what a reader may read of a stream now.
pub trait Reader: Send + Sync {
    /// What she may read now.
    fn access(&self) -> BoxFuture<'_, Result<Access, DbErr>>;
}

/// What a reader was last found to be allowed to read, and how old that is.
#[derive(Debug)]
struct Grant {
    version: i64,
    access: Access,
}

impl Grant {
    fn all_up_to(&self) -> i64 {
        match self.access {
            Access::All => self.version,
            Access::Only(_) => EXPIRED,
        }
    }
}

/// The gate before a stream for one member; all her subscriptions to it pass the same.
///
/// Every entry carries the stream's access version. One that is newer than the grant is not passed on
/// before she was authorised anew, so that no order in which news arrives can leak an entry. Whatever
/// raised the version is in the database by then, and so is what the control stream says of it.
pub struct Gate {
    reader: Box<dyn Reader>,
    control: Arc<Control>,
    grant: Mutex<Arc<Grant>>,
    /// The grant's version if it allows all, else [`EXPIRED`]: what nearly every look needs, without a lock.
    all_up_to: AtomicI64,
    asking: tokio::sync::Mutex<()>,
}

impl Gate {
    /// Asks for the first grant. `version` is the stream's access version before that.
    pub(super) async fn open(
        reader: Box<dyn Reader>,
        control: Arc<Control>,
        version: i64,
    ) -> Result<Self, DbErr> {
        let access = reader.access().await?;
        let grant = Grant { version, access };
        Ok(Self {
            reader,
            control,
            all_up_to: AtomicI64::new(grant.all_up_to()),
            grant: Mutex::new(Arc::new(grant)),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// What `look` says of the access; `None` if the grant is older than `version`.
    pub(super) fn with_access<T>(&self, version: i64, look: impl FnOnce(&Access) -> T) -> Option<T> {
        if self.allows_all(version) {
            return Some(look(&Access::All));
        }
        let grant = self.grant();
        (grant.version >= version).then(|| look(&grant.access))
    }

    fn allows_all(&self, version: i64) -> bool {
        self.all_up_to.load(Ordering::Acquire) >= version.max(0)
    }

    /// Whether nothing from `seq` on may be read, by the grant as it is.
    pub(super) fn ends_before(&self, seq: i64) -> bool {
        !self.allows_all(0) && self.grant().access.ends_before(seq)
    }

    /// Whether anything may be read, by the grant as it is.
    pub fn is_closed(&self) -> bool {
        self.grant().access.is_empty()
    }

    /// Whether the grant is as new as `version`.
    pub(super) fn is_current(&self, version: i64) -> bool {
        self.allows_all(version) || self.grant().version >= version
    }

    /// Whether she has to be authorised anew before anything else.
    pub(super) fn is_expired(&self) -> bool {
        !self.is_current(0)
    }

    /// Has her authorised anew: the log is another one, whose versions say nothing of this grant.
    pub(super) fn expire(&self) {
        let mut grant = self.lock();
        let expired = Grant {
            version: EXPIRED,
            access: grant.access.clone(),
        };
        self.put(&mut grant, expired);
    }

    /// Authorises anew, unless that was done since the stream's access version was raised to `version`.
    pub(super) async fn renew(&self, version: i64) -> Result<(), DbErr> {
        let _turn = self.asking.lock().await;
        if self.is_current(version) {
            return Ok(());
        }
        self.ask(version).await
    }

    /// Authorises a further subscription. A grant that ends may be from before she was let in again, which
    /// this process need not have heard of yet.
    pub(super) async fn admit(&self, version: i64) -> Result<(), DbErr> {
        let _turn = self.asking.lock().await;
        if self.is_current(version) && self.grant().access == Access::All {
            return Ok(());
        }
        self.ask(version).await
    }

    async fn ask(&self, version: i64) -> Result<(), DbErr> {
        let version = version.max(self.grant().version);
        self.control.catch_up().await?;
        let access = self.reader.access().await?;
        self.put(&mut self.lock(), Grant { version, access });
        Ok(())
    }

    fn put(&self, kept: &mut Arc<Grant>, grant: Grant) {
        self.all_up_to.store(grant.all_up_to(), Ordering::Release);
        *kept = Arc::new(grant);
    }

    fn grant(&self) -> Arc<Grant> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Grant>> {
        self.grant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gates before a stream that are in use, by member.
#[derive(Debug, Default)]
pub(super) struct Gates {
    by_member: HashMap<UserId, Weak<Gate>>,
    /// How many there were when those that nobody uses were last removed.
    swept: usize,
}

impl Gates {
    /// A member's.
    pub(super) fn of(&self, member: UserId) -> Option<Arc<Gate>> {
        self.by_member.get(&member)?.upgrade()
    }

    /// Adds a member's.
    pub(super) fn add(&mut self, member: UserId, gate: &Arc<Gate>) {
        // Each time that there are twice as many: so a further one costs the same, however many there are.
        if self.by_member.len() >= 2 * self.swept {
            self.by_member.retain(|_, gate| gate.strong_count() > 0);
            self.swept = self.by_member.len().max(8);
        }
        self.by_member.insert(member, Arc::downgrade(gate));
    }

    /// All.
    pub(super) fn iter(&self) -> impl Iterator<Item = Arc<Gate>> {
        self.by_member.values().filter_map(Weak::upgrade)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
