//! Who lives in the demonstration.

use crate::entity::user::Locale;

/// A member. Her e-mail address is her first name at [`DOMAIN`].
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) mailbox: &'static str,
    pub(super) locale: Locale,
    pub(super) timezone: &'static str,
    /// Where she lives, to a kilometre: a geohash.
    pub(super) cell: &'static str,
}

/// Reserved for examples (RFC 2606): no message can ever reach one of them.
pub(super) const DOMAIN: &str = "plantcare.example";
/// Everybody's; it is public, which is why there is no demonstration in production.
pub(super) const PASSWORD: &str = "water-me-weekly";

/// The owner and the caretaker that a newcomer logs in as.
pub(super) const OWNER: usize = 0;
pub(super) const CARETAKER: usize = 20;
/// Somebody who was checked to be a botanist.
pub(super) const BOTANIST: usize = 24;
/// She joins last of all: where she is a member, the demonstration is complete.
pub(super) const NEWCOMER: usize = PEOPLE.len() - 1;
/// The first so many have plants; the others look after them.
pub(super) const OWNERS: usize = 20;

pub(super) const PEOPLE: [Person; 30] = [
    en("Marguerite Laurent", "marguerite", "Europe/Paris", "u09tyn"),
    en("Aoife Brennan", "aoife", "Europe/London", "gcpvnx"),
    fr("Camille Roussel", "camille", "Europe/Paris", "u09wjk"),
    en("Jonas Weber", "jonas", "Europe/Berlin", "u33d9m"),
    fr("Élodie Marchand", "elodie", "Europe/Brussels", "u1515m"),
    en("Priya Raman", "priya", "Europe/London", "gcpuv2"),
    fr("Mathieu Gagnon", "mathieu", "America/Toronto", "f25dvx"),
    en("Hannah Lindqvist", "hannah", "Europe/Berlin", "u33dch"),
    fr("Baptiste Lemoine", "baptiste", "Europe/Paris", "u09tuc"),
    en("Ngozi Adeyemi", "ngozi", "Europe/London", "gcpvjh"),
    fr("Solène Kervella", "solene", "Europe/Paris", "u09tv7"),
    en("Marcus Whitfield", "marcus", "America/New_York", "dr5rkv"),
    fr("Inès Benali", "ines", "Europe/Paris", "u09tyx"),
    en("Keiko Tanaka", "keiko", "America/New_York", "dr5rsk"),
    fr("Luc Vandenberghe", "luc", "Europe/Brussels", "u1516f"),
    en("Sofia Marchetti", "sofia", "Europe/Berlin", "u336xf"),
    fr("Noémie Tremblay", "noemie", "America/Toronto", "f25ej5"),
    en("Ruth Abernathy", "ruth", "Europe/London", "gcpvmd"),
    fr("Antoine Delacroix", "antoine", "Europe/Zurich", "u0hqgf"),
    en("Isla Thompson", "isla", "Australia/Sydney", "r3gx0w"),
    en("Tomás Ribeiro", "tomas", "Europe/Paris", "u09tyn"),
    fr("Fatou Diallo", "fatou", "Europe/Paris", "u09tuc"),
    en("Oliver Grant", "oliver", "Europe/London", "gcpvjh"),
    fr("Juliette Perrin", "juliette", "Europe/Paris", "u09tv7"),
    en("Dmitri Sokolov", "dmitri", "Europe/Berlin", "u33dch"),
    en("Wei Zhang", "wei", "America/New_York", "dr5rsk"),
    fr("Yasmine Haddad", "yasmine", "Europe/Brussels", "u1515m"),
    en("Liam O'Connor", "liam", "Australia/Sydney", "r3gx0w"),
    fr("Pierre-Louis Ménard", "pierre-louis", "America/Toronto", "f25dvx"),
    fr("Zoé Castel", "zoe", "Europe/Paris", "u09wjk"),
];

impl Person {
    /// Her e-mail address.
    pub(super) fn email(&self) -> String {
        format!("{}@{DOMAIN}", self.mailbox)
    }
}

const fn en(name: &'static str, mailbox: &'static str, timezone: &'static str, cell: &'static str) -> Person {
    Person {
        name,
        mailbox,
        locale: Locale::En,
        timezone,
        cell,
    }
}

const fn fr(name: &'static str, mailbox: &'static str, timezone: &'static str, cell: &'static str) -> Person {
    Person {
        name,
        mailbox,
        locale: Locale::Fr,
        timezone,
        cell,
    }
}
