//! Forms and menus.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Compile;
use crate::model::{
    Action, ActionKind, Choice, Dialog, Filled, GrammarRef, GrammarSource, Item, ItemKind, Scoped,
};
use crate::xml::{Child, Element};

impl Compile {
    /// `<form>` or `<menu>`.
    pub(super) fn dialog(&mut self, element: &Element) -> Dialog {
        let document_scope = match element.attribute("scope") {
            Some("document") => true,
            None | Some("dialog") => false,
            Some(other) => {
                self.problem(
                    element.place,
                    format!("scope is dialog or document, not {other}"),
                );
                false
            }
        };
        let mut dialog = Dialog {
            id: element.attribute("id").map(str::to_owned),
            scoped: Scoped::default(),
            init: Arc::new([]),
            items: Vec::new(),
            filled: Vec::new(),
            grammars: Vec::new(),
            document_scope,
            clear_keys: element
                .vendor("cleardtmf")
                .map(|text| text.trim() == "true"),
            variables: Vec::new(),
        };
        if element.name == "menu" {
            self.menu(element, &mut dialog);
        } else {
            self.form(element, &mut dialog);
        }
        dialog
    }

    fn form(&mut self, form: &Element, dialog: &mut Dialog) {
        let mut init: Vec<Action> = Vec::new();
        let mut filled: Vec<(Option<usize>, &Element)> = Vec::new();
        for element in form.elements().filter(|element| element.is_own()) {
            if self.scoped(element, &mut dialog.scoped) {
                continue;
            }
            match element.name.as_str() {
                "var" | "script" | "data" => {
                    let action = self.action(element, true);
                    if let Some(ActionKind::Var { name, .. }) =
                        action.as_ref().map(|action| &action.kind)
                    {
                        dialog.variables.push(Arc::clone(name));
                    }
                    init.extend(action);
                }
                "filled" => filled.push((None, element)),
                "grammar" => dialog.grammars.push(self.grammar(element)),
                "meta" | "metadata" => {}
                _ => {
                    let Some(item) = self.item(element) else {
                        continue;
                    };
                    let at = dialog.items.len();
                    let inner = element
                        .elements()
                        .filter(|inner| inner.is_own() && inner.name == "filled");
                    filled.extend(inner.map(|inner| (Some(at), inner)));
                    init.push(Action {
                        element: item.element,
                        place: item.place,
                        kind: ActionKind::DeclareItem(at),
                    });
                    let twice = dialog.items.iter().any(|known| known.name == item.name);
                    if twice || dialog.variables.contains(&item.name) {
                        self.problem(
                            element.place,
                            format!("the name {} is used twice", item.name),
                        );
                    }
                    dialog.items.push(item);
                }
            }
        }
        for (item, element) in filled {
            let filled = self.filled(element, item, dialog);
            dialog.filled.push(Arc::new(filled));
        }
        dialog.init = init.into();
    }

    fn filled(&mut self, element: &Element, item: Option<usize>, dialog: &Dialog) -> Filled {
        let any = match element.attribute("mode") {
            Some("any") => true,
            None | Some("all") => false,
            Some(other) => {
                self.problem(element.place, format!("mode is any or all, not {other}"));
                false
            }
        };
        let names = element.attribute("namelist");
        if item.is_some() && (names.is_some() || element.attribute("mode").is_some()) {
            self.problem(
                element.place,
                "<filled> of an item has neither namelist nor mode",
            );
        }
        let inputs = || {
            (0..)
                .zip(&dialog.items)
                .filter(|(_, item)| item.kind.is_input())
        };
        let names: Vec<usize> = match (item, names) {
            (Some(item), _) => vec![item],
            (None, None) => inputs().map(|(at, _)| at).collect(),
            (None, Some(names)) => {
                let mut found = Vec::new();
                for name in names.split_whitespace() {
                    match inputs().find(|(_, item)| *item.name == *name) {
                        Some((at, _)) => found.push(at),
                        None => {
                            let message = format!("{name} is no input item of this form");
                            self.problem(element.place, message);
                        }
                    }
                }
                found
            }
        };
        Filled {
            item,
            names,
            any,
            block: self.block(element),
        }
    }

    fn menu(&mut self, menu: &Element, dialog: &mut Dialog) {
        let numbered = menu.attribute("dtmf") == Some("true");
        let mut choices = Vec::new();
        let mut prompts = Vec::new();
        let mut next_key = 1;
        let mut bare: Vec<&Child> = Vec::new();
        for child in &menu.children {
            let element = match child {
                Child::Element(element) if element.is_own() => element,
                Child::Element(_) => continue,
                Child::Text(text) if text.trim().is_empty() => continue,
                Child::Text(_) => {
                    bare.push(child);
                    continue;
                }
            };
            if self.scoped(element, &mut dialog.scoped) {
                continue;
            }
            match element.name.as_str() {
                "prompt" => prompts.push(Arc::new(self.prompt(element))),
                "choice" => {
                    let index = choices.len();
                    choices.push(Arc::new(self.choice(
                        element,
                        index,
                        numbered,
                        &mut next_key,
                    )));
                }
                "audio" | "value" | "enumerate" => bare.push(child),
                "meta" | "metadata" => {}
                _ => self.misplaced(element, "menu"),
            }
        }
        if !bare.is_empty() {
            let content = self.outputs(bare.into_iter());
            prompts.push(Arc::new(crate::model::Prompt::bare(content)));
        }
        dialog.init = Arc::new([Action {
            element: "menu",
            place: menu.place,
            kind: ActionKind::DeclareItem(0),
        }]);
        dialog.items.push(Item {
            name: self.fresh_name(),
            kind: ItemKind::Menu(choices),
            element: "menu",
            expr: None,
            cond: None,
            scoped: Scoped::default(),
            prompts,
            grammars: Vec::new(),
            modal: false,
            place: menu.place,
        });
    }

    fn choice(
        &mut self,
        element: &Element,
        index: usize,
        numbered: bool,
        next_key: &mut usize,
    ) -> Choice {
        let mut grammars: Vec<GrammarRef> = Vec::new();
        let mut spoken: Vec<&Child> = Vec::new();
        for child in &element.children {
            match child {
                Child::Element(inner) if inner.is_own() && inner.name == "grammar" => {
                    grammars.push(self.grammar(inner));
                }
                other => spoken.push(other),
            }
        }
        let written = element.attribute("dtmf").map(|keys| keys.replace(' ', ""));
        if numbered
            && written
                .as_deref()
                .is_some_and(|keys| !matches!(keys, "*" | "#" | "0"))
        {
            let message = "with dtmf=\"true\" a choice may name *, # or 0 only";
            self.problem(element.place, message);
        }
        let keys = match written {
            Some(keys) => Some(keys),
            None if numbered && *next_key <= 9 => {
                *next_key += 1;
                Some((*next_key - 1).to_string())
            }
            None => None,
        };
        let value = self.outputs(spoken.iter().copied());
        if let Some(keys) = &keys {
            grammars.extend(self.key_grammar(element, keys, Json::from(index)));
        } else if grammars.is_empty() {
            // Its words would be the grammar: that is speech.
            grammars.push(GrammarRef {
                source: GrammarSource::Broken(
                    "error.noresource",
                    "the choice has no key".to_owned(),
                ),
                voice: true,
                document_scope: false,
            });
        }
        Choice {
            keys,
            grammars,
            text: value,
            jump: self.jump(element),
        }
    }
}
