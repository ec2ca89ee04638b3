//! The same over a real socket, against the embedded provider, which keeps to schemas.

use futures::StreamExt;
use futures::executor::block_on;
use lockkeeper::{OpenAiCompatible, Progress};

use super::*;

#[test]
fn a_typed_answer_comes_whole_and_in_parts() {
    let provider = live::provider(std::time::Duration::ZERO, std::time::Duration::ZERO);
    let llm = OpenAiCompatible::new(live::settings(&provider)).unwrap();
    let read = LlmFunction::<Text, Order>::new(llm, "Read the order.");
    let whole = block_on(read.call(text())).unwrap();
    assert_eq!((whole.items.len(), strategies(&whole.trace)), (1, vec!["json_schema"]));
    let told: Vec<_> = block_on(read.stream(text()).collect());
    let partials = told.iter().filter(|it| matches!(it, Ok(Progress::Partial(_)))).count();
    assert!(partials > 1, "{told:?}");
    let Some(Ok(Progress::Whole(last))) = told.last() else { panic!("{told:?}") };
    assert_eq!(last.value, whole.value);
}
