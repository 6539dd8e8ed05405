//! Treatments on the answered call: what a callback is told.

use serde_json::json;
use vxml::Ending;

use crate::support::{document, page, vxml};

const CONFIRM: &str = "<var name='treatment_result'/>
  <form id='f'>
    <field name='k' type='digits?length=1'>
      <prompt><audio src='press.wav'/></prompt>
      <noinput count='2'><assign name='treatment_result' expr=\"({action:'route_to_agent',message:'OK'})\"/><exit namelist='treatment_result'/></noinput>
      <filled>
        <assign name='treatment_result' expr=\"k=='2' ? {action:'retry',message:'OK',delay:1800} : {action:'route_to_agent',message:'OK'}\"/>
        <exit namelist='treatment_result'/>
      </filled>
    </field>
  </form>
  <catch event='connection.disconnect.hangup'>
    <assign name='treatment_result' expr=\"({action:'retry',message:'interaction_deleted'})\"/><exit namelist='treatment_result'/>
  </catch>";

fn result(ending: &Ending) -> serde_json::Value {
    ending
        .treatment_result()
        .map_or(json!(null), serde_json::Value::Object)
}

#[test]
fn a_key_chooses_the_action() {
    let report = page(CONFIRM).keys(&["2"]).silent().run();
    assert_eq!(report.prompts(), ["[http://pages.test/press.wav]"]);
    assert_eq!(
        result(&report.ending),
        json!({"action": "retry", "message": "OK", "delay": 1800})
    );
    let report = page(CONFIRM).keys(&["1"]).silent().run();
    assert_eq!(result(&report.ending)["action"], "route_to_agent");
}

#[test]
fn no_input_twice_routes_to_an_agent() {
    let report = page(CONFIRM).keys(&["", ""]).silent().run();
    assert_eq!(result(&report.ending)["action"], "route_to_agent");
    assert_eq!(
        (report.events(), report.now_ms),
        (vec!["noinput", "noinput"], 10_000)
    );
}

#[test]
fn a_hang_up_while_waiting_reaches_the_handler() {
    let report = page(CONFIRM).keys(&["hangup"]).silent().run();
    assert_eq!(
        result(&report.ending),
        json!({"action": "retry", "message": "interaction_deleted"})
    );
}

#[test]
fn the_result_may_be_json_text_an_expression_or_a_bare_literal() {
    let check = |content: &str| {
        let report = page(&format!("<form><block>{content}</block></form>")).run();
        assert_eq!(
            result(&report.ending),
            json!({"action": "cancel", "message": "OK"}),
            "{content}"
        );
    };
    check(
        "<var name='treatment_result' expr=\"'{&quot;action&quot;:&quot;cancel&quot;,&quot;message&quot;:&quot;OK&quot;}'\"/><exit namelist='treatment_result'/>",
    );
    check("<exit expr=\"{action:'cancel',message:'OK'}\"/>");
    check(
        "<var name='treatment_result' expr=\"{action:'cancel',message:'OK'}\"/><var name='x' expr='1'/><exit namelist='x treatment_result'/>",
    );
    check(
        "<var name='treatment_result' expr=\"{action:'cancel',message:'OK'}\"/><disconnect namelist='treatment_result'/>",
    );
}

#[test]
fn an_end_without_a_result_is_one_without_a_result() {
    for content in [
        "<form><block/></form>",
        "<form><block><exit/></block></form>",
        "<form><block><exit expr='5'/></block></form>",
    ] {
        assert_eq!(page(content).run().ending.treatment_result(), None);
    }
}

#[test]
fn the_first_page_may_be_missing_or_broken() {
    assert_eq!(document("<vxml").run().error(), "error.badfetch");
    assert_eq!(document(&vxml("<field/>")).run().error(), "error.badfetch");
}
