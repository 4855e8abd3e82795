//! Colours are for a terminal.

use super::program::Program;

#[tokio::test]
async fn a_log_that_goes_to_no_terminal_has_no_colours() {
    let program = Program::new()
        .await
        .with(&[("LOG_FORMAT", "pretty"), ("RUST_LOG", "debug")]);
    let ran = program.run(&["migrate", "up"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("DEBUG") || ran.err.contains("INFO"), "{ran:?}");
    assert!(
        !ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'),
        "{ran:?}"
    );
}
