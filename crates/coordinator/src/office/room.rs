//! What the servers have left, as they told this reign.

use super::core::Core;
use crate::ClusterState;
use crate::room::{Rooms, cluster_room, frames_suffice};
use rekindle_recovery::ClusterRoom;
use rekindle_types::{ServerId, ServerRoom};

impl Core {
    /// Notes what a server has left. Whether it is its first word in this reign: plans may wait for that.
    pub fn told_room(&self, server: ServerId, room: ServerRoom) -> bool {
        self.rooms.lock().insert(server, room).is_none()
    }

    /// What recoveries can have (O2).
    pub fn room(&self, state: &ClusterState) -> ClusterRoom {
        cluster_room(state, &self.rooms.lock())
    }

    /// L3: whether a recovery may begin beside those that run; `Err` says what it waits for.
    pub fn frames_suffice(&self, state: &ClusterState, dead: ServerId, bytes: u64) -> Result<(), String> {
        let stuck = self.stuck.lock().clone();
        let suffice = frames_suffice(state, &self.rooms.lock(), dead, bytes, &stuck);
        suffice.map_err(|short| short.to_string())
    }

    /// Waits until everybody who could take a partition has said what is free; for those who are silent only as
    /// long as a renewal and its probe may take.
    pub async fn until_rooms_known(&self) {
        let all_told =
            |state: &ClusterState, rooms: &Rooms| state.placeable().all(|s| rooms.contains_key(&s.id));
        let end = self.now() + self.config.times.heartbeat * 2 + self.config.times.probe_timeout;
        while !self.read(|state| all_told(state, &self.rooms.lock())) && self.now() < end {
            self.clock.sleep(self.config.times.heartbeat / 4).await;
        }
    }
}
