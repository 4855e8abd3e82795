//! What grows in the demonstration.

use super::members::{OWNERS, PEOPLE};
use crate::entity::user::Locale;

/// Plants of each owner.
pub(super) const EACH: usize = 6;

/// A plant, as its owner describes it.
pub(super) struct Pot {
    pub(super) name: &'static str,
    pub(super) species: &'static str,
    pub(super) instructions: &'static str,
}

/// The plant `number` of the owner `owner`.
pub(super) fn pot(owner: usize, number: usize) -> Pot {
    let (english, french, care, soins) = SPECIES[(owner * EACH + number) % SPECIES.len()];
    let locale = PEOPLE[owner].locale;
    let before = PEOPLE[..owner.min(OWNERS)]
        .iter()
        .filter(|person| person.locale == locale)
        .count();
    let nth = before * EACH + number;
    match locale {
        Locale::En => Pot {
            name: ENGLISH[nth % ENGLISH.len()],
            species: english,
            instructions: care,
        },
        Locale::Fr => Pot {
            name: FRENCH[nth % FRENCH.len()],
            species: french,
            instructions: soins,
        },
    }
}

/// Whether a plant gets hardly any water.
pub(super) fn likes_it_dry(owner: usize, number: usize) -> bool {
    // The cactus, the succulents, and what keeps water in its roots.
    [2, 7, 8, 10, 15, 19, 26].contains(&((owner * EACH + number) % SPECIES.len()))
}

/// What English speakers call their plants.
#[rustfmt::skip]
const ENGLISH: [&str; 66] = [
    "Basil the Giant", "Fernanda", "Old Spikey", "Madame Violet", "Figaro", "Little Moon",
    "Sheila", "Paddy", "The Duchess", "Greensleeves", "Bram", "Nessie",
    "Klaus", "Brunhilde", "Otto", "Lady Trail", "Captain Leaf", "Mitzi",
    "Lakshmi", "Raj", "Pickle", "Jasmine who is not a jasmine", "Tikka", "Bubbles",
    "Björn", "Astrid", "Freya", "Tiny Tim", "Knut", "Pippi",
    "Queen Amina", "Sunny", "Baobab Junior", "Chidi", "Professor Green", "Goldie",
    "Coltrane", "Ella", "Satchmo", "Big Joe", "Nina", "Dizzy",
    "Totoro", "Momo", "Kiki", "Ponyo", "Yuki", "Hoshi",
    "Caruso", "Tosca", "Bella", "Ziggy", "Rigoletto", "Aida",
    "Winston", "Agatha", "Miss Marple", "Beatrix", "Hercule", "Edith",
    "Bluey", "Matilda", "Shaz", "Banksy", "Kylie", "Stumpy",
];

/// What French speakers call theirs.
#[rustfmt::skip]
const FRENCH: [&str; 54] = [
    "Marcel", "Simone", "Gribouille", "La Grande", "Colette", "Petit Pois",
    "Tintin", "Milou", "Castafiore", "Tournesol", "Haddock", "Bergamote",
    "Maurice", "La Tuque", "Poutine", "Émile", "Ti-Guy", "Rosalie",
    "Gaston", "Mademoiselle Jeanne", "Prunelle", "Lebrac", "Fantasio", "Spirou",
    "Bigoudène", "Merlin", "Morgane", "Yann", "Gwen", "Korrigan",
    "Shéhérazade", "Aladin", "Safran", "Cannelle", "Jasmin", "Atlas",
    "Magritte", "Toots", "Brel", "Spéculoos", "Annie", "Godefroid",
    "Félix", "Maria", "Chapdelaine", "Grand Chêne", "Sirop", "Gabrielle",
    "Guillaume", "Heidi", "Farinet", "Edelweiss", "Rousseau", "Gruyère",
];

/// Species in English and French, and how to look after them in both.
#[rustfmt::skip]
const SPECIES: [(&str, &str, &str, &str); 30] = [
    ("Swiss cheese plant (Monstera deliciosa)", "Monstera deliciosa",
     "About half a litre once the top third of the soil is dry. Wipe the big leaves now and then.",
     "Un demi-litre environ quand le tiers supérieur de la terre est sec. Dépoussiérer les grandes feuilles."),
    ("Boston fern (Nephrolepis exaltata)", "Fougère de Boston (Nephrolepis exaltata)",
     "Never let it dry out. It loves a little mist in the morning and hates the radiator.",
     "Ne jamais laisser sécher. Une brume le matin lui plaît, le radiateur pas du tout."),
    ("Golden barrel cactus (Echinocactus grusonii)", "Coussin de belle-mère (Echinocactus grusonii)",
     "Almost nothing: a small glass every third week, and turn it a quarter each time.",
     "Presque rien : un petit verre toutes les trois semaines, et un quart de tour à chaque fois."),
    ("African violet (Saintpaulia)", "Violette du Cap (Saintpaulia)",
     "Water from below, in the saucer, and pour away what is left after half an hour. No drops on the leaves.",
     "Arroser par la soucoupe et vider le reste après une demi-heure. Pas de gouttes sur les feuilles."),
    ("Fiddle-leaf fig (Ficus lyrata)", "Figuier lyre (Ficus lyrata)",
     "Once a week, slowly, until water shows in the saucer. Please do not move it: it sulks.",
     "Une fois par semaine, lentement, jusqu'à voir de l'eau dans la soucoupe. Ne pas le déplacer, il boude."),
    ("Peperomia 'Rosso'", "Pépéromia 'Rosso'",
     "Let the soil dry halfway down first. Better too little than too much.",
     "Laisser sécher la terre à mi-hauteur. Mieux vaut trop peu que trop."),
    ("Peace lily (Spathiphyllum)", "Fleur de lune (Spathiphyllum)",
     "It tells you: when the leaves hang, give it a big glass and it stands up within the hour.",
     "Il prévient : quand les feuilles tombent, un grand verre et il se redresse dans l'heure."),
    ("Snake plant (Sansevieria trifasciata)", "Langue de belle-mère (Sansevieria)",
     "Twice a month is plenty. Not into the middle of the rosette.",
     "Deux fois par mois suffisent. Jamais au cœur de la rosette."),
    ("String of pearls (Curio rowleyanus)", "Collier de perles (Curio rowleyanus)",
     "If the pearls look wrinkled it is thirsty; if they are round, leave it alone.",
     "Perles ridées : il a soif. Perles rondes : le laisser tranquille."),
    ("Prayer plant (Maranta leuconeura)", "Plante qui prie (Maranta leuconeura)",
     "Soft water at room temperature, every four days. It folds up at night, that is normal.",
     "Eau douce à température ambiante, tous les quatre jours. Elle se replie la nuit, c'est normal."),
    ("Aloe vera", "Aloès (Aloe vera)",
     "A glass every two weeks on dry soil. Keep it on the sunny sill.",
     "Un verre toutes les deux semaines sur terre sèche. Le garder au soleil de la fenêtre."),
    ("Golden pothos (Epipremnum aureum)", "Pothos doré (Epipremnum aureum)",
     "Forgiving. Water when the pot feels light; the long vines can hang where they like.",
     "Très indulgent. Arroser quand le pot est léger ; les lianes pendent où elles veulent."),
    ("Orchid (Phalaenopsis)", "Orchidée papillon (Phalaenopsis)",
     "Dip the pot in water for ten minutes once a week and let it drip off well. Silver roots mean thirst.",
     "Baigner le pot dix minutes par semaine et bien égoutter. Racines argentées : elle a soif."),
    ("Rubber plant (Ficus elastica)", "Caoutchouc (Ficus elastica)",
     "Every ten days, about 300 ml. Its leaves like a damp cloth.",
     "Tous les dix jours, environ 300 ml. Ses feuilles aiment un chiffon humide."),
    ("Calathea orbifolia", "Calathéa orbifolia",
     "Rain water from the bottle under the sink, please: tap water browns the edges. Mist daily.",
     "Eau de pluie (bouteille sous l'évier) : celle du robinet brunit les bords. Brumiser chaque jour."),
    ("Jade plant (Crassula ovata)", "Arbre de jade (Crassula ovata)",
     "Dry between waterings, completely. A glass every two or three weeks.",
     "Sécher complètement entre deux arrosages. Un verre toutes les deux ou trois semaines."),
    ("English ivy (Hedera helix)", "Lierre (Hedera helix)",
     "Keep it slightly moist and cool. Look under the leaves for spider mites.",
     "Garder un peu humide et au frais. Regarder sous les feuilles s'il y a des araignées rouges."),
    ("Kentia palm (Howea forsteriana)", "Palmier kentia (Howea forsteriana)",
     "Half a litre every week. Brown tips may be cut, a little beyond the brown.",
     "Un demi-litre par semaine. On peut couper les pointes brunes, un peu avant le vert."),
    ("Spider plant (Chlorophytum comosum)", "Plante araignée (Chlorophytum comosum)",
     "Twice a week a small glass. Its babies in the water jar only need topping up.",
     "Un petit verre deux fois par semaine. Ses bébés dans le bocal : compléter l'eau, c'est tout."),
    ("ZZ plant (Zamioculcas zamiifolia)", "Zamioculcas",
     "Forget it for two weeks, then a glass. It keeps water in its roots.",
     "L'oublier deux semaines, puis un verre. Il garde l'eau dans ses racines."),
    ("Begonia maculata", "Bégonia tamaya (Begonia maculata)",
     "Moist but never wet, and not on the leaves: the white dots are meant to be there.",
     "Humide mais jamais trempé, rien sur les feuilles : les points blancs sont normaux."),
    ("Bird of paradise (Strelitzia nicolai)", "Oiseau de paradis (Strelitzia nicolai)",
     "Thirsty: a full litre a week. Turn it, or it leans to the window.",
     "Assoiffé : un litre par semaine. Le tourner, sinon il penche vers la fenêtre."),
    ("Wax plant (Hoya carnosa)", "Fleur de porcelaine (Hoya carnosa)",
     "Let it dry well. Please do not cut the bare stalks, it flowers on the same ones again.",
     "Bien laisser sécher. Ne pas couper les tiges nues : il refleurit sur les mêmes."),
    ("Nerve plant (Fittonia)", "Fittonia",
     "It faints when it is dry and comes back after a drink. A little water every second day.",
     "Il s'évanouit au sec et revient après un verre. Un peu d'eau tous les deux jours."),
    ("Umbrella tree (Schefflera)", "Arbre ombrelle (Schefflera)",
     "Once a week when the top is dry. Shower it if the leaves are dusty.",
     "Une fois par semaine quand le dessus est sec. Une douche si les feuilles sont poussiéreuses."),
    ("Lemon tree in a pot (Citrus limon)", "Citronnier en pot (Citrus limon)",
     "Water well every third day, with the blue feed once a week. Check the stems for scale insects.",
     "Bien arroser tous les trois jours, engrais bleu une fois par semaine. Surveiller les cochenilles."),
    ("Air plants (Tillandsia)", "Filles de l'air (Tillandsia)",
     "No soil. Soak them for twenty minutes a week and let them dry upside down.",
     "Pas de terre. Un bain de vingt minutes par semaine, puis sécher la tête en bas."),
    ("Dracaena marginata", "Dragonnier (Dracaena marginata)",
     "Every two weeks. If the lower leaves turn yellow, it had too much.",
     "Toutes les deux semaines. Feuilles du bas jaunes : il a trop bu."),
    ("Pilea peperomioides", "Plante à monnaie (Pilea peperomioides)",
     "Once a week, and a quarter turn towards the light each time.",
     "Une fois par semaine, avec un quart de tour vers la lumière."),
    ("Basil and mint on the sill", "Basilic et menthe du rebord",
     "A little every day, in the morning. Pinch off what you like to eat.",
     "Un peu chaque jour, le matin. Cueillez ce que vous voulez manger."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_plants_have_one_name() {
        let names: HashSet<_> = (0..OWNERS)
            .flat_map(|owner| (0..EACH).map(move |number| pot(owner, number).name))
            .collect();
        assert_eq!(names.len(), OWNERS * EACH);
    }
}
