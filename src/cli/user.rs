//! `plant-care user`.

use clap::{Subcommand, ValueEnum};

use super::{CliError, app, say};
use crate::app::App;
use crate::crypto;
use crate::domain;
use crate::domain::values::{Email, Name, Password, Sought};
use crate::entity::user;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a member, and print her password: it is shown this once
    Add {
        /// Her e-mail address
        email: String,
        /// The name others see; without one, what stands before the @
        #[arg(long)]
        name: Option<String>,
    },
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
    match command {
        Command::Add { email, name } => add(&app, &email, name.as_deref()).await?,
        Command::Grant { email, role } => {
            let member = member(&app, &email).await?;
            let role = match role {
                Role::Member => user::Role::Member,
                Role::Moderator => user::Role::Moderator,
                Role::Admin => user::Role::Admin,
            };
            domain::user::grant(&app, member.id, role).await?;
            say(format_args!("{} has a new role", member.display_name))?;
        }
        Command::VerifyBotanist { email } => {
            let member = member(&app, &email).await?;
            domain::user::verify_botanist(&app, member.id).await?;
            say(format_args!("{} is a verified botanist", member.display_name))?;
        }
        Command::Suspend { email } => {
            let member = member(&app, &email).await?;
            domain::user::suspend(&app, member.id).await?;
            say(format_args!("{} is suspended", member.display_name))?;
        }
    }
    Ok(app.database.close().await?)
}

async fn member(app: &App, email: &str) -> Result<user::Model, domain::Error> {
    let email = Sought::parse("email", email)?;
    domain::user::by_email(app, &email).await
}

async fn add(app: &App, email: &str, name: Option<&str>) -> Result<(), CliError> {
    let name = name.unwrap_or_else(|| email.trim().split('@').next().unwrap_or_default());
    let password = crypto::new_password();
    let new = domain::user::NewUser {
        email: Email::parse("email", email).map_err(domain::Error::from)?,
        password: Password::parse("password", &password).map_err(domain::Error::from)?,
        display_name: Name::parse("name", name).map_err(domain::Error::from)?,
        locale: user::Locale::En,
        timezone: None,
    };
    let member = domain::user::add(app, new).await?;
    say(format_args!(
        "{} is a member. The password, which is shown this once:\n{password}",
        member.display_name
    ))?;
    Ok(())
}
