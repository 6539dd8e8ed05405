//! Which error for which cause.

use crate::support::{document, page, vxml};

fn check(content: &str, expected: &str) {
    assert_eq!(page(content).run().error(), expected, "{content}");
}

fn block(content: &str, expected: &str) {
    check(&format!("<form><block>{content}</block></form>"), expected);
}

/// V2.0 5.2.6: what cannot be fetched is `error.badfetch`, with the status of HTTP.
#[test]
fn what_cannot_be_fetched() {
    block("<goto next='gone.vxml'/>", "error.badfetch.http.404");
    block("<script src='gone.js'/>", "error.badfetch.http.404");
    block("<data src='gone.xml'/>", "error.badfetch.http.404");
    check(
        "<form><field><grammar src='gone.grxml'/></field></form>",
        "error.badfetch.http.404",
    );
}

/// V2.0 5.2.6: a page that is not well-formed or of another version is `error.badfetch`.
#[test]
fn pages_that_cannot_be_read() {
    for text in [
        "<vxml version='2.1'>",
        "<html/>",
        "<vxml/>",
        "<vxml version='3.0'/>",
        "<vxml version='2.1'><form><field name='a'/><field name='a'/></form></vxml>",
        "<vxml version='2.1'><form id='a'/><form id='a'/></vxml>",
        "<vxml version='2.1'><block/></vxml>",
        "<vxml version='2.1'><form><block><form/></block></form></vxml>",
        "<vxml version='2.1'><form><field name='1a'/></form></vxml>",
        "<vxml version='2.1'><menu><choice next='#a' event='b'>x</choice></menu></vxml>",
        "<vxml version='2.1'><menu><choice dtmf='1'>x</choice></menu></vxml>",
        "<vxml version='2.1'><menu dtmf='true'><choice dtmf='5' next='#a'>x</choice></menu></vxml>",
        "<vxml version='2.1'><form><field name='a'><filled mode='any'/></field></form></vxml>",
        "<vxml version='2.1'><form><block name='b'/><filled namelist='b'/></form></vxml>",
        "<vxml version='2.1'><form><field name='a'><prompt count='0'>x</prompt></field></form></vxml>",
        "<vxml version='2.1'><link next='#a' event='b'/></vxml>",
    ] {
        assert_eq!(document(text).run().error(), "error.badfetch", "{text}");
    }
}

/// V2.0 5.2.6: attributes that are missing or contradict each other are `error.badfetch` when the element is reached.
#[test]
fn attributes_that_contradict() {
    for content in [
        "<goto/>",
        "<goto next='#a' expr='b'/>",
        "<submit/>",
        "<throw/>",
        "<throw event='a' eventexpr='b'/>",
        "<exit expr='1' namelist='a'/>",
        "<return event='a' namelist='b'/>",
        "<script src='a.js'>1</script>",
        "<script/>",
        "<data name='a'/>",
        "<data name='a' src='b' srcexpr='c'/>",
        "<assign name='a'/>",
        "<var/>",
        "<if>x</if>",
        "<foreach item='a'/>",
    ] {
        block(content, "error.badfetch");
        let caught = format!(
            "<form><block>{content}</block></form><catch event='error.badfetch'><exit expr='1'/></catch>"
        );
        assert_eq!(page(&caught).value(), serde_json::json!(1), "{content}");
    }
    check("<form><subdialog name='s'/></form>", "error.badfetch");
    check("<form><transfer name='t'/></form>", "error.badfetch");
    check(
        "<form><transfer name='t' dest='tel:1' type='odd'/></form>",
        "error.badfetch",
    );
}

/// V2.0 5.3.7: a jump to what does not exist is `error.badfetch`.
#[test]
fn jumps_to_nowhere() {
    block("<goto next='#nowhere'/>", "error.badfetch");
    block("<goto nextitem='nowhere'/>", "error.badfetch");
    let call = page("<form><block><goto next='o.vxml#nowhere'/></block></form>")
        .file("o.vxml", &vxml("<form/>"));
    assert_eq!(call.run().error(), "error.badfetch");
}

/// V2.0 5.2.6: undeclared names are `error.semantic`.
#[test]
fn undeclared_names() {
    for content in [
        "<assign name='nobody' expr='1'/>",
        "<assign name='nobody.x' expr='1'/>",
        "<clear namelist='nobody'/>",
        "<exit namelist='nobody'/>",
        "<submit next='a.vxml' namelist='nobody'/>",
        "<value expr='nobody'/>",
        "<log expr='nobody'/>",
        "<if cond='nobody'>x</if>",
        "<exit expr='nobody'/>",
    ] {
        block(content, "error.semantic");
    }
}

/// V2.0 5.2.6: scripts that fail or are none are `error.semantic`.
#[test]
fn scripts_that_fail() {
    block("<script>throw new Error('x')</script>", "error.semantic");
    block("<script>this is none</script>", "error.semantic");
    block("<exit expr='1 +'/>", "error.semantic");
    block("<exit expr=''/>", "error.semantic");
}

/// V2.0 5.2.6: values that make no sense are `error.semantic`.
#[test]
fn values_that_make_no_sense() {
    check(
        "<form><property name='timeout' value='soon'/><field type='digits'/></form>",
        "error.semantic",
    );
    check(
        "<form><field type='digits'><prompt timeout='soon'>x</prompt></field></form>",
        "error.semantic",
    );
    block("<return/>", "error.semantic");
    block("<foreach item='a' array='5'/>", "error.semantic");
    block("<var name='a.b'/>", "error.semantic");
    block("<throw eventexpr='undefined'/>", "error.semantic");
}

/// V2.0 2.3.4: a parameter without a variable is `error.semantic` in the called dialog.
#[test]
fn a_parameter_without_a_variable() {
    check(
        "<form><subdialog name='s' src='#sub'><param name='p' expr='1'/></subdialog></form><form id='sub'><block/></form>",
        "error.semantic",
    );
}

/// V2.0 1.5.2: a root that names a root is `error.semantic`.
#[test]
fn a_root_has_no_root() {
    let leaf = "<vxml version='2.1' application='root.vxml'><form/></vxml>";
    let root = "<vxml version='2.1' application='other.vxml'/>";
    assert_eq!(
        document(leaf).file("root.vxml", root).run().error(),
        "error.semantic"
    );
}

/// V2.0 3.1: a field without any grammar is `error.semantic`.
#[test]
fn a_field_without_a_grammar() {
    check("<form><field name='a'/></form>", "error.semantic");
}

/// SRGS 2: a grammar for keys with a mistake is `error.badfetch`.
#[test]
fn a_grammar_with_a_mistake() {
    check(
        "<form><field><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>x</rule></grammar></field></form>",
        "error.badfetch",
    );
    let call = page("<form><field><grammar src='g.grxml'/></field></form>")
        .file("g.grxml", "<grammar mode='dtmf' version='1.0' root='r'/>");
    assert_eq!(call.run().error(), "error.badfetch");
    check(
        "<form><field type='digits?minlength=4;maxlength=2'/></form>",
        "error.badfetch",
    );
}

/// V2.0 5.2.6: a grammar of another type is `error.unsupported.format`.
#[test]
fn grammars_of_other_types() {
    check(
        "<form><field><grammar type='application/srgs' src='g.abnf'/></field></form>",
        "error.unsupported.format",
    );
    check(
        "<form><field><grammar type='application/x-jsgf'>1 | 2</grammar></field></form>",
        "error.unsupported.format",
    );
    check(
        "<form><field><grammar mode='dtmf'>#ABNF 1.0;</grammar></field></form>",
        "error.unsupported.format",
    );
}

/// R 8: a field with grammars for speech only is `error.noresource`.
#[test]
fn speech_only() {
    check(
        "<form><field><grammar mode='voice' version='1.0' root='r'><rule id='r'>yes</rule></grammar></field></form>",
        "error.noresource",
    );
    check(
        "<form><field><grammar src='builtin:grammar/boolean'/></field></form>",
        "error.noresource",
    );
    check(
        "<menu><choice next='#a'>words</choice></menu>",
        "error.noresource",
    );
}

/// V2.0 5.2.6: an unknown builtin type is `error.unsupported.builtin`.
#[test]
fn unknown_builtin_types() {
    check(
        "<form><field type='postcode'/></form>",
        "error.unsupported.builtin",
    );
    check(
        "<form><field><grammar src='builtin:dtmf/postcode'/></field></form>",
        "error.unsupported.builtin",
    );
}

/// V2.0 5.2.6: an element that is not supported is `error.unsupported.` and its name.
#[test]
fn unknown_elements() {
    block("<sing/>", "error.unsupported.sing");
    check("<form><dance/></form>", "error.unsupported.dance");
    check(
        "<form><object name='o'/></form>",
        "error.unsupported.objectname",
    );
    let text = "<vxml version='2.1' xmlns:gvp='http://www.genesyslab.com/2006/vxml21-extension'><form><block><gvp:fly/></block></form></vxml>";
    assert_eq!(document(text).run().error(), "error.unsupported.fly");
}

/// R 8: elements and attributes of other namespaces are ignored.
#[test]
fn foreign_namespaces_are_ignored() {
    let text = "<vxml version='2.1' xmlns:o='urn:other'><o:x/><form o:y='1'><o:z/><block o:a='1'><o:b/><exit expr='1'/></block></form></vxml>";
    assert_eq!(document(text).value(), serde_json::json!(1));
}

/// V2.0 F: attributes have the values that the schema says.
#[test]
fn attributes_with_other_values() {
    for content in [
        "<form><record beep='yes'/></form>",
        "<form><record dtmfterm='no'/></form>",
        "<form><record modal='0'/></form>",
        "<form><field modal='x' type='digits'/></form>",
        "<menu accept='some'><choice dtmf='1' next='#f'/></menu><form id='f'/>",
        "<menu dtmf='1'><choice dtmf='1' next='#f'/></menu><form id='f'/>",
        "<form scope='session'/>",
        "<form><block><submit next='a' method='put'/></block></form>",
        "<form><block><submit next='a' enctype='text/plain'/></block></form>",
    ] {
        assert_eq!(page(content).run().error(), "error.badfetch", "{content}");
    }
}

/// V2.0 2.3.5: `object` is `error.unsupported.objectname`.
#[test]
fn objects_are_not_supported() {
    let report = page("<form><object name='o' classid='x'/></form>").run();
    assert_eq!(report.error(), "error.unsupported.objectname");
}

/// R 8: a menu or field whose choices or options have no keys is `error.noresource`.
#[test]
fn words_without_keys() {
    let report = page("<menu><choice next='#f'>x</choice></menu><form id='f'/>").run();
    assert_eq!(report.error(), "error.noresource");
    let report = page("<form><field name='k'><option>x</option></field></form>").run();
    assert_eq!(report.error(), "error.noresource");
}

/// V2.0 6.4: `param` names what it gives.
#[test]
fn param_has_a_name() {
    let report =
        page("<form><subdialog src='#s'><param value='1'/></subdialog></form><form id='s'/>").run();
    assert_eq!(report.error(), "error.badfetch");
}

/// V2.0 5.3: executable content may not stand where dialogs stand, nor dialogs where it stands.
#[test]
fn elements_have_their_places() {
    for content in [
        "<goto next='#f'/><form id='f'/>",
        "<form><block><form/></block></form>",
        "<form><prompt>a</prompt></form>",
        "<menu><field name='a'/></menu>",
    ] {
        assert_eq!(page(content).run().error(), "error.badfetch", "{content}");
    }
}
