//! `plant-care user`.

use clap::{Subcommand, ValueEnum};

use super::{CliError, app, say};
use crate::domain;
use crate::domain::values::Sought;
use crate::entity::user;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Give a member a role
    Grant {
        /// Her e-mail address
        email: String,
        /// The role
        role: Role,
    },
    /// Record that a member was checked to be a botanist
    VerifyBotanist {
        /// Her e-mail address
        email: String,
    },
    /// Suspend a member: her sessions end, and she cannot log in
    Suspend {
        /// Her e-mail address
        email: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Role {
    Member,
    Moderator,
    Admin,
}

pub(super) async fn run(command: Command) -> Result<(), CliError> {
    let app = app(false).await?;
    let (Command::Grant { email, .. } | Command::VerifyBotanist { email } | Command::Suspend { email }) =
        &command;
    let email = Sought::parse("email", email).map_err(domain::Error::from)?;
    let member = domain::user::by_email(&app, &email).await?;
    let done = match command {
        Command::Grant { role, .. } => {
            let role = match role {
                Role::Member => user::Role::Member,
                Role::Moderator => user::Role::Moderator,
                Role::Admin => user::Role::Admin,
            };
            domain::user::grant(&app, member.id, role).await?;
            "has a new role"
        }
        Command::VerifyBotanist { .. } => {
            domain::user::verify_botanist(&app, member.id).await?;
            "is a verified botanist"
        }
        Command::Suspend { .. } => {
            domain::user::suspend(&app, member.id).await?;
            "is suspended"
        }
    };
    say(format_args!("{} {done}", member.display_name))?;
    Ok(app.database.close().await?)
}
