//! What people are told, in the languages we write.

use crate::domain::Reason;
use crate::entity::care_request::CareRequestStatus as Status;
use crate::entity::user::Locale;

/// A refusal in words.
pub fn refusal(reason: Reason, locale: Locale) -> String {
    match locale {
        Locale::En => english(reason),
        Locale::Fr => french(reason),
    }
}

fn english(reason: Reason) -> String {
    match reason {
        Reason::Blank => "This must not be empty.".into(),
        Reason::TooLong { maximum } => format!("At most {maximum} characters are allowed."),
        Reason::TooShort { minimum } => format!("At least {minimum} characters are needed."),
        Reason::HoldsNul => "This holds the character NUL (U+0000), which no text can have.".into(),
        Reason::HoldsControl => "This holds a control character, which cannot be used here.".into(),
        Reason::HoldsLineBreak => "This must be a single line: a line break cannot be used here.".into(),
        Reason::HoldsInvisible => {
            "This holds an invisible character, or one that changes the direction of writing.".into()
        }
        Reason::NotAnEmail => "This is not an e-mail address.".into(),
        Reason::NotATimezone => "This is not a time zone; Europe/Paris is one.".into(),
        Reason::NotACell => "This is not a geohash of six characters.".into(),
        Reason::EndsBeforeStart => "The last day is before the first.".into(),
        Reason::LongerThanAYear { latest } => {
            format!("At most a year is allowed: the last day can be {latest} at the latest.")
        }
        Reason::BeforeCareBegan => "This is before the care began.".into(),
        Reason::InThePast => "This is in the past.".into(),
        Reason::InTheFuture => "This is in the future.".into(),
        Reason::OutOfRange { minimum, maximum } => format!("It must be from {minimum} to {maximum}."),
        Reason::Empty => "At least one is needed.".into(),
        Reason::Repeated => "The same one is here twice.".into(),
        Reason::TooMany { maximum } => format!("At most {maximum} are allowed."),
        Reason::EmailTaken => "There is an account with this e-mail address.".into(),
        Reason::InvalidCredentials => "This does not open a session. Check it and try again.".into(),
        Reason::NotFound => "This was not found.".into(),
        Reason::NotAllowed => "You may not do this.".into(),
        Reason::OwnRequest => "Nobody takes care of her own request.".into(),
        Reason::PlantNotActive => "One of these plants is no longer in your care.".into(),
        Reason::PlantBusy => "One of these plants is in another request for some of these days.".into(),
        Reason::CaretakerFull => "The caretaker cannot take so many plants on these days.".into(),
        Reason::AlreadyOffered => "You have already made an offer for this request.".into(),
        Reason::AlreadyTaken => "This request has already been given to somebody.".into(),
        Reason::IllegalMove { from } => format!(
            "This cannot be done while the request is {}.",
            english_status(from)
        ),
        Reason::OfferNotLive => "This offer has been answered or withdrawn.".into(),
        Reason::TooEarly => "Care can start the day before the first day.".into(),
        Reason::PlantNotInRequest => "This plant is not part of the request.".into(),
        Reason::IdempotencyConflict => "This idempotency key was used for something else.".into(),
    }
}

fn french(reason: Reason) -> String {
    match reason {
        Reason::Blank => "Ce champ ne doit pas être vide.".into(),
        Reason::TooLong { maximum } => format!("{maximum} caractères au maximum."),
        Reason::TooShort { minimum } => format!("{minimum} caractères au minimum."),
        Reason::HoldsNul => "Le caractère NUL (U+0000) ne peut figurer dans aucun texte.".into(),
        Reason::HoldsControl => "Un caractère de contrôle ne peut pas être utilisé ici.".into(),
        Reason::HoldsLineBreak => "Une seule ligne est permise : pas de saut de ligne ici.".into(),
        Reason::HoldsInvisible => {
            "Un caractère invisible, ou qui change le sens de l’écriture, ne peut pas être utilisé ici."
                .into()
        }
        Reason::NotAnEmail => "Ce n’est pas une adresse e-mail.".into(),
        Reason::NotATimezone => "Ce n’est pas un fuseau horaire ; Europe/Paris en est un.".into(),
        Reason::NotACell => "Ce n’est pas un geohash de six caractères.".into(),
        Reason::EndsBeforeStart => "Le dernier jour précède le premier.".into(),
        Reason::LongerThanAYear { latest } => {
            format!("Un an au maximum : le dernier jour peut être le {latest} au plus tard.")
        }
        Reason::BeforeCareBegan => "C’est avant le début de la garde.".into(),
        Reason::InThePast => "C’est dans le passé.".into(),
        Reason::InTheFuture => "C’est dans le futur.".into(),
        Reason::OutOfRange { minimum, maximum } => format!("La valeur doit être de {minimum} à {maximum}."),
        Reason::Empty => "Il en faut au moins un.".into(),
        Reason::Repeated => "Le même élément apparaît deux fois.".into(),
        Reason::TooMany { maximum } => format!("{maximum} au maximum."),
        Reason::EmailTaken => "Un compte existe déjà avec cette adresse e-mail.".into(),
        Reason::InvalidCredentials => {
            "Ces identifiants n’ouvrent pas de session. Vérifiez-les et réessayez.".into()
        }
        Reason::NotFound => "Introuvable.".into(),
        Reason::NotAllowed => "Vous n’avez pas le droit de faire cela.".into(),
        Reason::OwnRequest => "On ne garde pas ses propres plantes.".into(),
        Reason::PlantNotActive => "Une de ces plantes n’est plus chez vous.".into(),
        Reason::PlantBusy => {
            "Une de ces plantes figure dans une autre demande pour certains de ces jours.".into()
        }
        Reason::CaretakerFull => "Cette personne ne peut pas garder autant de plantes ces jours-là.".into(),
        Reason::AlreadyOffered => "Vous avez déjà fait une offre pour cette demande.".into(),
        Reason::AlreadyTaken => "Cette demande a déjà été confiée à quelqu’un.".into(),
        Reason::IllegalMove { from } => {
            format!("Impossible tant que la demande est {}.", french_status(from))
        }
        Reason::OfferNotLive => "Cette offre a reçu une réponse ou a été retirée.".into(),
        Reason::TooEarly => "La garde peut commencer la veille du premier jour.".into(),
        Reason::PlantNotInRequest => "Cette plante ne fait pas partie de la demande.".into(),
        Reason::IdempotencyConflict => "Cette clé d’idempotence a servi à autre chose.".into(),
    }
}

fn english_status(status: Status) -> &'static str {
    match status {
        Status::Draft => "a draft",
        Status::Open => "open",
        Status::Assigned => "assigned",
        Status::InProgress => "in progress",
        Status::AwaitingConfirm => "awaiting confirmation",
        Status::Completed => "completed",
        Status::Cancelled => "cancelled",
        Status::Expired => "expired",
        Status::Disputed => "disputed",
    }
}

fn french_status(status: Status) -> &'static str {
    match status {
        Status::Draft => "un brouillon",
        Status::Open => "ouverte",
        Status::Assigned => "attribuée",
        Status::InProgress => "en cours",
        Status::AwaitingConfirm => "en attente de confirmation",
        Status::Completed => "terminée",
        Status::Cancelled => "annulée",
        Status::Expired => "expirée",
        Status::Disputed => "contestée",
    }
}
