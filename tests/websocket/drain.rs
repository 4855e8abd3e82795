//! A process that stops.

use plant_care::graphql::Api;
use plant_care::transport::server;
use tokio_util::sync::CancellationToken;

use crate::support::{Socket, TestApp};

#[tokio::test]
async fn all_sockets_are_sent_to_another_process_in_time() {
    let app = TestApp::start_with(&[("DRAIN_SECONDS", "2")]).await;
    let member = app.member("Olga").await;
    let mut sockets = vec![
        Socket::connect(&app.url).await,
        Socket::open(&app.url, None).await,
    ];
    for _ in 0..10 {
        sockets.push(app.socket(&member).await);
    }
    for socket in &mut sockets {
        socket.assert_heard().await;
    }
    let reading = async {
        for socket in &mut sockets {
            assert_eq!(socket.closed().await, (1012, "the server restarts".to_owned()));
        }
    };
    // It ends without an error only if all was done within DRAIN_SECONDS.
    tokio::join!(app.stop(), reading);
}

#[tokio::test]
async fn a_process_that_stops_opens_no_websockets() {
    let app = TestApp::start().await;
    let listener = server::listen(&app.app.config).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // A server over the same process that still accepts, as one does until its last request is answered.
    let router = server::router(Api::new(app.app.clone()).unwrap());
    let accepting = server::accepting(&app.app, listener, router, None).await;
    let tasks = tokio_util::task::TaskTracker::new();
    tasks.spawn(accepting.run(CancellationToken::new(), CancellationToken::new()));
    Socket::connect(&url).await.assert_heard().await;
    app.app.stop.cancel();
    assert_eq!(Socket::refused_to(&url, &[]).await, 503);
}
