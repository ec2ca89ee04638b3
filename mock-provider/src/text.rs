//! What the mock says: a few sentences about the prompt's topic, always the same for the same prompt.

use crate::chat::ChatRequest;
use crate::fingerprint::fingerprint;

/// Words with which prompts begin before they come to the point.
const LEAD_IN: &str = " please can could you would tell me us about explain describe how what whats \
    what's is are was were do does did why who when where which write give show say make list of in \
    to i want know define summarize summarise compare discuss use call ";

/// Answers in prose; `{topic}` and `{Topic}` are filled in.
const PROSE: [&str; 4] = [
    "{Topic} is easier to understand from a small example than from a definition. Start with the \
     simplest case you can think of, and write down what you expect. Then change one thing at a \
     time and see whether the outcome still matches. After three or four rounds you will know more \
     about {topic} than most summaries could tell you.",
    "There are three things worth knowing about {topic}. First, what it is for, because purpose \
     explains most of its shape. Second, where its limits are, since that is where the surprises \
     come from. Third, who depends on it, as they decide how far it may change.",
    "In short, {topic} comes down to a balance between what is wanted and what is there. While \
     there is plenty, almost any approach works. When things get tight, order and patience matter \
     more than speed. That is why those who know {topic} best plan for the busy day.",
    "A good first question about {topic} is what would be missing without it. Usually the answer \
     is a habit so common that nobody notices it. Look for the moment at which it goes wrong, for \
     that is when you see how it works. The rest of {topic} is detail, and detail can be looked up.",
];

const LIST: &str = "Here is {topic}, step by step:\n\n1. Say what you want to end up with, in one \
    sentence.\n2. Collect what you need before you begin.\n3. Do the smallest part first and check \
    it.\n4. Repeat until nothing is left, then tidy up.\n\nTake your time with step 3.";

const MARKDOWN: &str = "## {Topic}\n\nThree things matter, and the **second** most of all:\n\n- what it is \
    *for*\n- where its limits are\n- who depends on it\n\n| kind | moves | leaks |\n|---|---|---:|\n| \
    mitre gate | by a beam | a little |\n| guillotine | upwards | hardly |\n\nIn code, with `open` as \
    the one rule:\n\n```js\nif (levels.above === levels.below) gate.open();\n```\n\n> Whoever is in \
    a hurry opens the paddles first.";

const POEM: &str = "Quiet as morning,\n{topic} waits beside the lock –\nslowly, the water.";

const GREETING: &str = "Hello! I am a mock model, so I know very little, but I answer at once. Ask \
    me about any topic and I will say something sensible about it.";

/// The text of one choice.
pub(crate) fn prose(request: &ChatRequest, choice: usize) -> String {
    let prompt = request.prompt();
    let topic = topic(prompt);
    if let Some(result) = request.tool_result() {
        let result = shortened(result, 200);
        return format!("The tool says: {result}. That is what I can tell you about {topic}.");
    }
    let lower = prompt.to_lowercase();
    let asks_for = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let template = if asks_for(&["poem", "haiku"]) {
        POEM
    } else if asks_for(&["in markdown"]) {
        MARKDOWN
    } else if asks_for(&["list of", "steps", "step by step", "recipe"]) {
        LIST
    } else if is_greeting(&lower) {
        GREETING
    } else {
        let start = fingerprint(prompt.as_bytes()).wrapping_add_signed(request.seed.unwrap_or(0));
        PROSE[start.wrapping_add(choice as u64) as usize % PROSE.len()]
    };
    template.replace("{topic}", &topic).replace("{Topic}", &capitalized(&topic))
}

/// What a prompt is about, in a few words.
pub(crate) fn topic(prompt: &str) -> String {
    let sentence = prompt.split(['.', '?', '!', '\n', ':']).find(|part| !part.trim().is_empty());
    let sentence = sentence.unwrap_or_default();
    let point = sentence.split_once(" about ").map_or(sentence, |(_, point)| point);
    let is_lead_in = |word: &&str| LEAD_IN.contains(&format!(" {} ", word.to_lowercase()));
    let words: Vec<_> = point.split_whitespace().skip_while(is_lead_in).take(8).collect();
    let topic = words.join(" ");
    let topic = topic.trim_matches(|c: char| c.is_ascii_punctuation());
    if topic.is_empty() { "your question".into() } else { shortened(topic, 80).into() }
}

/// A word that could be a name in the prompt (the last one with a capital, but for the first of a
/// sentence), else its topic: what a model would fill into a form.
pub(crate) fn name_or_topic(prompt: &str) -> String {
    let begins_sentence =
        |before: Option<&str>| before.is_none_or(|w| w.ends_with(['.', '?', '!']));
    let mut before = None;
    let mut name = None;
    for word in prompt.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if bare.chars().next().is_some_and(char::is_uppercase) && !begins_sentence(before) {
            name = Some(bare);
        }
        before = Some(word);
    }
    name.map_or_else(|| topic(prompt), |name| shortened(name, 80).to_owned())
}

fn is_greeting(lower: &str) -> bool {
    let first = lower.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
    matches!(first, None | Some("hello" | "hi" | "hey" | "ping"))
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}

fn shortened(text: &str, most: usize) -> &str {
    let text = text.trim().trim_end_matches('.');
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_what_follows_the_lead_in() {
        assert_eq!(topic("What is the capital of France?"), "the capital of France");
        assert_eq!(topic("Write a haiku about autumn rain."), "autumn rain");
        assert_eq!(topic("Tell me about \"canal locks\"!"), "canal locks");
        assert_eq!(topic("…"), "…");
        assert_eq!(topic(" ?! "), "your question");
    }

    #[test]
    fn names_have_capitals() {
        assert_eq!(name_or_topic("What is the weather in Paris?"), "Paris");
        assert_eq!(name_or_topic("Say it. Now"), "it");
    }
}
