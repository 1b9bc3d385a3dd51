# What `vagrant up` refuses, before anything is made or removed.

require 'ipaddr'
require 'socket'
require_relative 'plan'

module Xylem
  # Refusals are a part of Engine, which asks Docker for them.
  module Refusals
    private

    # refuse_strangers finds out who has our names already: another checkout, the containers of
    # docs/deploy-docker.md. Containers come first: who removes those is told of the data that they leave.
    def refuse_strangers(containers, ids)
      names = @plan.machines.map(&:name)
      docker('ps', '--all', '--no-trunc', '--format', '{{.ID}} {{.Names}}').lines.map(&:split).each do |id, name|
        refuse_stranger('container', name, "docker rm -f #{name}") if names.include?(name) && ids[name] != id && !containers.key?(name)
      end
      (not_ours('volume') & @plan.machines.map(&:volume)).each do |name|
        refuse_stranger('volume', name, "docker volume rm #{name}", ' where nobody needs its data')
      end
    end

    def refuse_stranger(kind, name, removal, condition = '')
      raise Problem, "A #{kind} #{name} is there already, and not of this checkout: `vagrant destroy -f` in its own, or `#{removal}`#{condition}"
    end

    def refuse_taken_ports(names, containers)
      @plan.machines.each do |machine|
        next if !names.include?(machine.name) || containers.dig(machine.name, :running)

        machine.ports.each do |port, inside|
          TCPServer.new(Plan::HOST, port).close
        rescue Errno::EADDRINUSE
          what = inside == 22 ? 'its ssh' : 'its API'
          raise Problem, "Port #{port} of #{Plan::HOST}, which #{machine.name} needs for #{what}, is taken: `ss -ltnp`, or `docker ps` where that is docker-proxy, says by whom" + (inside == 22 ? '' : '; api.host_port_base chooses others')
        rescue Errno::EACCES
          raise Problem, "Port #{port} of #{Plan::HOST} may not be used: choose a higher api.host_port_base"
        end
      end
    end

    # refuse_unusable_network looks for a network of our name, for one that has our addresses, and for
    # containers that would stay in ours when it is to have other addresses.
    def refuse_unusable_network(names, containers)
      others = not_ours('network')
      found = others.empty? ? '' : docker('network', 'inspect', '--format', '{{.Name}}{{range .IPAM.Config}} {{.Subnet}}{{end}}', *others)
      found.lines.map(&:split).each do |name, *subnets|
        refuse_stranger('network', name, "docker network rm #{name}") if name == Plan::NETWORK
        overlap = subnets.find { |subnet| overlaps?(IPAddr.new(subnet)) }
        raise @plan.taken(name, overlap) if overlap
      end
      return if names.size == @plan.machines.size || (containers.keys - names).empty? || [nil, wanted_network].include?(network)

      raise Problem, "deployment.subnet was #{network} and is #{wanted_network}, for all containers alike: `vagrant up` without names takes that in"
    end

    def overlaps?(subnet)
      subnet.ipv4? && (subnet.include?(@plan.subnet) || @plan.subnet.include?(subnet))
    end

    # not_ours are the networks, by id, or the volumes, by name, that this checkout has not made.
    def not_ours(kind)
      docker(kind, 'ls', '--quiet').split - docker(kind, 'ls', '--quiet', *filters).split
    end
  end
end
