//! Peers that mean no good, or are only slow: each costs little, and for a bounded time.

#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod places;
#[cfg(test)]
mod stop;

use crate::support::TestApp;

/// The path of the largest thing that is served to anybody: the program of the page.
async fn large(app: &TestApp) -> String {
    let page = app
        .request(reqwest::Method::GET, "/graphiql")
        .header("accept", "text/html");
    let page = page.send().await.unwrap().text().await.unwrap();
    let is_script = |part: &&str| part.starts_with("/graphiql/assets/index-") && !part.contains(".css");
    page.split('"').find(is_script).expect("a script").to_owned()
}

/// Lets a second pass, when all is done that is due.
async fn a_second_passes(app: &TestApp) {
    app.request(reqwest::Method::GET, "/health/live")
        .send()
        .await
        .unwrap();
    app.app.clock.advance(chrono::TimeDelta::seconds(1));
}
