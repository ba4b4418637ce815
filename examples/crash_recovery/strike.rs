//! One blow: who is hit, what the cluster does about it, when all is served again.

use crate::{
    clients::{Probes, Served, Zombie},
    picture::picture,
    plan::Blow,
    recovery_view::RecoveryView,
    report::{Crash, ms},
    story::Story,
};
use rekindle::{
    cluster::local::boot_time,
    env::Time,
    types::{KeyRange, ServerId, Tablet},
};
use std::{
    mem, thread,
    time::{Duration, Instant},
};

/// A recovery that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two questions to the coordinator whether the dead are gone: what it saw, it told already.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A server that has learned of its death ends within this.
const END_WITHIN: Duration = Duration::from_secs(30);
/// A recovery that takes so long is slow: the servers that live are asked how they are.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Servers that die at once.
#[derive(Clone, Debug)]
struct Victims {
    numbers: Vec<u32>,
    ids: Vec<ServerId>,
    tablets: Vec<Tablet>,
}

/// Servers that are down, and the clients that ask for what they had.
struct Hit {
    kind: &'static str,
    ids: Vec<ServerId>,
    killed_at: Time,
    served: Vec<Served>,
    /// Every tablet that the recovery made is among those asked for.
    is_covered: bool,
    view: RecoveryView,
}

impl Victims {
    fn ranges(&self) -> Vec<KeyRange> {
        self.tablets.iter().map(|tablet| tablet.range).collect()
    }
}

impl Hit {
    fn served_at(&self) -> Option<Time> {
        self.served.iter().map(Served::at).try_fold(Time::default(), |last, at| Some(last.max(at?)))
    }

    fn answers(&self) -> (usize, usize) {
        let progress = self.served.iter().map(Served::progress);
        progress.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1))
    }
}

/// When the last tablet of all that was hit answered, once all have.
fn all_served_at(hits: &[Hit]) -> Option<Time> {
    let mut all = hits.iter().map(|hit| hit.served_at().filter(|_| hit.is_covered));
    all.try_fold(Time::default(), |last, at| Some(last.max(at?)))
}

impl Story {
    /// Strikes, and watches until everything is as before, but for the dead.
    pub fn strike(&mut self, blow: Blow, is_first: bool) -> Result<(), String> {
        self.rig.look();
        self.rig.sample();
        match blow {
            Blow::RestartAll => self.restart_all(),
            Blow::Kill(count) | Blow::Pause(count) => self.hit_some(blow, count as usize, is_first),
        }
    }

    fn hit_some(&mut self, blow: Blow, count: usize, is_first: bool) -> Result<(), String> {
        let victims = self.choose(count, &[])?;
        let also = match is_first && self.plan.kills_recovery_master {
            true => Some(self.choose(1, &victims.numbers)?),
            false => None,
        };
        let probes = Probes::choose(&self.caller, victims.ranges());
        let mut also = also.map(|also| (Probes::choose(&self.caller, also.ranges()), also));
        let zombies = if matches!(blow, Blow::Pause(_)) { self.zombies(&victims)? } else { Vec::new() };

        self.window.lock().open(boot_time(), victims.ranges());
        let killed_at = self.bring_down(blow, &victims)?;
        let hit = self.hit(blow.kind(), &victims.ids, killed_at, probes);
        let mut kills_coordinator = is_first && self.plan.kills_coordinator;
        self.watch(hit, |story, hits| {
            // In the middle of the recovery: it is planned, and nothing is committed.
            if story.rig.timeline.phases(&hits[0].ids).planned.is_none() {
                return Ok(());
            }
            if let Some((probes, master)) = also.take() {
                story.window.lock().extend(master.ranges());
                let killed_at = story.bring_down(Blow::Kill(1), &master)?;
                hits.push(story.hit("recovery_master", &master.ids, killed_at, probes));
            }
            if mem::take(&mut kills_coordinator) {
                story.restart_coordinator()?;
            }
            Ok(())
        })?;
        if is_first && self.plan.kills_coordinator {
            self.crashes.push(Crash::of_coordinator());
        }
        zombies.iter().zip(&victims.numbers).try_for_each(|(zombie, number)| self.wake(zombie, *number))
    }

    /// Servers that own tablets, drawn from the seed.
    fn choose(&mut self, count: usize, but: &[u32]) -> Result<Victims, String> {
        let tablets = self.rig.tablets()?;
        let cluster = self.rig.cluster.clone();
        let owns =
            |number: &u32| tablets.iter().any(|tablet| Some(tablet.owner) == cluster.server_id(*number));
        let mut candidates = self.rig.running();
        candidates.retain(|number| !but.contains(number) && owns(number));
        if candidates.len() < count {
            return Err(format!("only {} servers that own tablets are left to kill", candidates.len()));
        }
        let mut draw = || candidates.swap_remove(self.rng.below(candidates.len() as u64) as usize);
        let numbers: Vec<u32> = (0..count).map(|_| draw()).collect();
        let ids: Vec<ServerId> = numbers.iter().filter_map(|number| cluster.server_id(*number)).collect();
        let tablets = tablets.into_iter().filter(|tablet| ids.contains(&tablet.owner)).collect();
        Ok(Victims { numbers, ids, tablets })
    }

    fn bring_down(&mut self, blow: Blow, victims: &Victims) -> Result<Time, String> {
        self.rig.victims.extend(&victims.ids);
        let cluster = &self.rig.cluster;
        let (verb, at) = if matches!(blow, Blow::Pause(_)) {
            let paused: Result<Vec<Time>, _> =
                victims.numbers.iter().map(|number| cluster.pause_storage(*number)).collect();
            ("stopped", paused.map(|at| at.into_iter().min().unwrap_or_default()))
        } else {
            ("killed", cluster.kill_together(&victims.numbers))
        };
        let names: Vec<String> = victims.ids.iter().map(ToString::to_string).collect();
        self.screen.say(format!("{verb:>12}  {}", names.join(", ")));
        at.map_err(|error| error.to_string())
    }

    /// In the middle of a recovery: the next one goes on where it was.
    fn restart_coordinator(&mut self) -> Result<(), String> {
        let killed_at = self.rig.cluster.kill_coordinator().map_err(|error| error.to_string())?;
        self.screen.say(format!("{:>12}  the coordinator", "killed"));
        self.rig.cluster.start_coordinator().map_err(|error| error.to_string())?;
        self.screen.say(format!(
            "{:>12}  the coordinator, {:.1} ms later",
            "restarted",
            ms(boot_time(), killed_at)
        ));
        Ok(())
    }

    /// Every process, as a power cut does, but for what the operating system had not written yet.
    fn restart_all(&mut self) -> Result<(), String> {
        let cluster = self.rig.cluster.clone();
        let ids: Vec<ServerId> =
            self.rig.running().iter().filter_map(|number| cluster.server_id(*number)).collect();
        let ranges = vec![KeyRange::FULL];
        let probes = Probes::choose(&self.caller, ranges.clone());
        self.rig.victims.extend(&ids);
        self.window.lock().open(boot_time(), ranges);
        let killed_at = cluster.kill_all().map_err(|error| error.to_string())?;
        self.screen.say(format!("{:>12}  every process; starting all again", "killed"));
        let hit = self.hit(Blow::RestartAll.kind(), &ids, killed_at, probes);
        thread::scope(|scope| {
            let mut starting = Some(scope.spawn(|| cluster.start_all()));
            self.watch(hit, |_, _| match starting.take_if(|starting| starting.is_finished()) {
                None => Ok(()),
                Some(started) => match started.join() {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(format!("the cluster did not start again: {error}")),
                    Err(_) => Err("the thread that starts the cluster again panicked".into()),
                },
            })
        })
    }

    fn hit(&self, kind: &'static str, ids: &[ServerId], killed_at: Time, probes: Probes) -> Hit {
        let served = vec![probes.start(&self.caller, self.rig.client.env())];
        let view = self.screen.recovery(ids, killed_at);
        Hit { kind, ids: ids.to_vec(), killed_at, served, is_covered: false, view }
    }

    /// Looks on until all that was hit is served and gone; `act` may do more harm meanwhile.
    fn watch(
        &mut self,
        hit: Hit,
        mut act: impl FnMut(&mut Self, &mut Vec<Hit>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut hits = vec![hit];
        let (began, mut asked, mut told) = (Instant::now(), Instant::now(), Instant::now());
        let mut is_served = false;
        loop {
            self.rig.look();
            act(self, &mut hits)?;
            self.cover(&mut hits)?;
            for hit in &mut hits {
                let answers = hit.answers();
                hit.view.update(&self.rig.timeline, answers);
            }
            if let (Some(at), false) = (all_served_at(&hits), is_served) {
                is_served = true;
                self.window.lock().close(at);
            }
            let mut is_gone = hits.iter().all(|hit| self.rig.timeline.phases(&hit.ids).recovered.is_some());
            if is_served && !is_gone && asked.elapsed() > ASK_EVERY {
                (asked, is_gone) = (Instant::now(), self.are_gone(&hits));
            }
            if is_served && is_gone {
                self.take_in(&hits);
                return Ok(());
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                self.rig.running().into_iter().for_each(|server| self.screen.say(self.rig.words_of(server)));
            }
            if began.elapsed() > PATIENCE {
                return Err(self.stuck(&hits));
            }
            self.pause()?;
        }
    }

    /// Once all answer: asks in tablets that the recovery made, and that nobody asked in yet.
    fn cover(&self, hits: &mut [Hit]) -> Result<(), String> {
        for hit in hits.iter_mut().filter(|hit| !hit.is_covered && hit.served_at().is_some()) {
            let ranges: Vec<_> = self.rig.tablets()?.into_iter().map(|tablet| tablet.range).collect();
            let missing = hit.served.iter().filter_map(|served| served.probes.missing(&self.caller, &ranges));
            let missing: Vec<Probes> = if hit.served.len() == 1 { missing.collect() } else { Vec::new() };
            hit.is_covered = missing.is_empty();
            let env = self.rig.client.env();
            hit.served.extend(missing.into_iter().map(|probes| probes.start(&self.caller, env)));
        }
        Ok(())
    }

    /// Whether the coordinator has them on its list no more.
    fn are_gone(&self, hits: &[Hit]) -> bool {
        let is_hit = |id: ServerId| hits.iter().any(|hit| hit.ids.contains(&id));
        self.rig.cluster.coordinator_report().is_ok_and(|report| report.servers.iter().all(|s| !is_hit(s.id)))
    }

    fn take_in(&mut self, hits: &[Hit]) {
        for hit in hits {
            hit.view.finish();
            let (phases, served_at) = (self.rig.timeline.phases(&hit.ids), hit.served_at());
            let served_at = served_at.expect("all are served when this is called");
            // Where no keys are nobody asks: then the end of the recovery counts.
            let is_asked = hit.answers().1 > 0;
            let served_at = if is_asked { served_at } else { phases.recovered.unwrap_or(hit.killed_at) };
            let bytes = self.rig.timeline.partition_bytes(&hit.ids, &self.plan.objects);
            self.crashes.push(Crash::of_servers(
                hit.kind,
                &hit.ids,
                hit.killed_at,
                &phases,
                served_at,
                bytes,
            ));
            self.pictures.push(picture(&self.rig.timeline, &hit.ids, hit.killed_at, served_at));
            self.screen.say(format!("{:>12}  {:>8.1} ms", "served", ms(served_at, hit.killed_at)));
        }
    }

    /// What an operator would look at.
    fn stuck(&self, hits: &[Hit]) -> String {
        let say = |hit: &Hit| {
            let (answered, asked) = hit.answers();
            let waits = self.rig.timeline.waits_for(&hit.ids).unwrap_or("nothing that it told");
            format!("{:?}: {answered} of {asked} keys answer, the coordinator waits for {waits}", hit.ids)
        };
        let all: Vec<String> = hits.iter().map(say).collect();
        format!("not recovered within {} s: {}", PATIENCE.as_secs(), all.join("; "))
    }

    /// Clients of each of the servers that are about to be stopped, who will not hear of its death.
    fn zombies(&self, victims: &Victims) -> Result<Vec<Zombie>, String> {
        let zombie = |id: &ServerId| {
            let tablets: Vec<Tablet> = victims.tablets.iter().filter(|t| t.owner == *id).copied().collect();
            let master = self.rig.stale_master(*id)?;
            let zombie = Zombie::new(&self.caller, self.rig.client.env(), master, &tablets);
            self.run(zombie.greet())??;
            Ok(zombie)
        };
        victims.ids.iter().map(zombie).collect()
    }

    /// Lets a stopped server go on, and calls it as clients do that have not heard of its death.
    fn wake(&mut self, zombie: &Zombie, number: u32) -> Result<(), String> {
        self.run(zombie.overwrite())?;
        let cluster = &self.rig.cluster;
        let asked = self.run(zombie.ask(async { cluster.resume_storage(number).map(|_| ()) }))?;
        let (refused, served) = asked.map_err(|error| error.to_string())?;
        self.screen
            .say(format!("{:>12}  went on, and refused {refused} stale calls, served {served}", "zombie"));
        // It ends by itself once it knows that it is dead.
        self.rig.cluster.let_go(number, END_WITHIN).map(|_| ()).map_err(|error| error.to_string())
    }
}
