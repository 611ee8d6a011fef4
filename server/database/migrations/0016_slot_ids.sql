-- The index that holds ids apart began with the resource, as the key does. Before a table has been analysed the two look
-- alike to the planner where a slot is sought by its key, and by this one it reads every slot of the resource.
alter table slot add constraint slot_id_key unique (id, resource_id);
alter table slot drop constraint slot_resource_id_id_key;
