//! What people say when they offer their help, and what they note when they have watered.

use super::dice::Dice;
use crate::entity::care_record::TaskKind;
use crate::entity::user::Locale;

/// What somebody writes with her offer.
pub(super) fn offer(locale: Locale, dice: &mut Dice) -> Option<&'static str> {
    match locale {
        Locale::En => dice.of(&[
            "I live five minutes away and would be happy to.",
            "I have looked after ferns for ten years; yours would be in good hands.",
            "These days suit me well. Mornings or evenings, as you like.",
            "I am home a lot this month and miss having plants around.",
            "Happy to help again!",
            "I could come every second day, on my way to work.",
            "No car, but a bicycle with a very large basket.",
            "You watered mine last time, so it is my turn.",
        ]),
        Locale::Fr => dice.of(&[
            "J'habite à cinq minutes, ce serait avec plaisir.",
            "Je m'occupe de fougères depuis dix ans, elles seront bien chez moi.",
            "Ces dates me conviennent. Le matin ou le soir, comme vous voulez.",
            "Je suis souvent à la maison ce mois-ci, et les plantes me manquent.",
            "Partante pour une deuxième fois !",
            "Je peux passer tous les deux jours, en allant au travail.",
            "Pas de voiture, mais un vélo avec un très grand panier.",
            "Vous avez arrosé les miennes la dernière fois, c'est mon tour.",
        ]),
    }
}

/// Something done besides watering; what likes it dry is not misted, fed or washed.
pub(super) fn extra(likes_it_dry: bool, dice: &mut Dice) -> TaskKind {
    const EXTRAS: [TaskKind; 6] = [
        TaskKind::Rotate,
        TaskKind::PestCheck,
        TaskKind::Mist,
        TaskKind::CleanLeaves,
        TaskKind::Fertilise,
        TaskKind::Prune,
    ];
    let fitting = if likes_it_dry { &EXTRAS[..2] } else { &EXTRAS };
    dice.of(fitting).unwrap_or(TaskKind::Rotate)
}

/// What a caretaker notes; often nothing.
pub(super) fn note(locale: Locale, kind: TaskKind, dice: &mut Dice) -> Option<&'static str> {
    let notes: &[&str] = match (locale, kind) {
        (Locale::En, TaskKind::Water) => &[
            "Dry two fingers deep, so a good drink.",
            "Let it run through and emptied the saucer.",
            "Looks happy. New growth at the top.",
            "It was thirsty today.",
            "Slowly, in three rounds.",
        ],
        (Locale::Fr, TaskKind::Water) => &[
            "Sec sur deux phalanges, un bon verre.",
            "Laissé couler, puis vidé la soucoupe.",
            "Elle a bonne mine, une pousse toute neuve.",
            "Grosse soif aujourd'hui.",
            "Lentement, en trois fois.",
        ],
        (Locale::En, TaskKind::Rotate) => &["A quarter turn to the left."],
        (Locale::Fr, TaskKind::Rotate) => &["Un quart de tour vers la gauche."],
        (Locale::En, TaskKind::PestCheck) => &["Looked under every leaf: nothing.", "One gnat, no more."],
        (Locale::Fr, TaskKind::PestCheck) => {
            &["Regardé sous chaque feuille : rien.", "Un moucheron, pas plus."]
        }
        (Locale::En, TaskKind::CleanLeaves) => &["The big leaves shine again."],
        (Locale::Fr, TaskKind::CleanLeaves) => &["Les grandes feuilles brillent de nouveau."],
        (Locale::En, TaskKind::Prune) => &["Took off two yellow leaves at the bottom."],
        (Locale::Fr, TaskKind::Prune) => &["Retiré deux feuilles jaunes en bas."],
        (Locale::En, TaskKind::Fertilise) => &["Half the dose on the bottle."],
        (Locale::Fr, TaskKind::Fertilise) => &["La moitié de la dose indiquée."],
        _ => &[],
    };
    if dice.once_in(3) { None } else { dice.of(notes) }
}
